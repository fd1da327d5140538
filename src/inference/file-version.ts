import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';

/** Which file lies at a path: another answer where it was changed or replaced. */
export async function fileVersion(path: string): Promise<string> {
  return versionOf(await stat(path));
}

export function versionOf({ size, mtimeMs, ino }: Stats): string {
  return `${size} ${mtimeMs} ${ino}`;
}
