import { sep } from 'node:path';

/** What clients may read of a message about files: their names, not where the server keeps them. The log has the whole message. */
export function withoutFolders(message: string, ...folders: readonly string[]): string {
  return folders.reduce((shown, folder) => shown.replaceAll(`${folder}${sep}`, ''), message);
}
