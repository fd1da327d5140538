import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';

/** Sockets have short names; what the system allows for the whole path is 104 to 108 bytes, with the end mark. */
const longestPathBytes = 100;
const longestNameBytes = 24;

/**
 * Where the sockets of a data directory lie: in a folder of its own inside, or, where their paths would grow too long for the
 * system, in a private temporary folder that belongs to that directory.
 */
export async function socketFolder(dataDirectory: string): Promise<string> {
  const inside = path.join(dataDirectory, 'sockets');
  const fits = Buffer.byteLength(inside) + 1 + longestNameBytes <= longestPathBytes;
  const folder = fits ? inside : path.join(tmpdir(), `sluice-${digest(dataDirectory)}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await refuseForeign(folder);
  return folder;
}

/** In a shared temporary folder somebody else may have made the name first. */
async function refuseForeign(folder: string): Promise<void> {
  const found = await lstat(folder);
  const own = found.isDirectory() && found.uid === userInfo().uid && (found.mode & 0o077) === 0;
  if (!own) throw new Error(`${folder} must be a folder that only this user can enter (mode 0700)`);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
