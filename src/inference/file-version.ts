import { stat } from 'node:fs/promises';

/** Which file lies at a path: another answer where it was changed or replaced. */
export async function fileVersion(path: string): Promise<string> {
  const { size, mtimeMs, ino } = await stat(path);
  return `${size} ${mtimeMs} ${ino}`;
}
