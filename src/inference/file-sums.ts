import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/** The SHA-256 of the version of a file, in hexadecimal: read once, for all who ask. */
export type FileSums = (path: string, version: string) => Promise<string>;

export function createFileSums(read: (path: string) => Promise<string> = sha256Of): FileSums {
  const sums = new Map<string, { readonly version: string; readonly sum: Promise<string> }>();
  return (path, version) => {
    const known = sums.get(path);
    if (known?.version === version) return known.sum;
    const reading = { version, sum: read(path) };
    sums.set(path, reading);
    reading.sum.catch(() => {
      if (sums.get(path) === reading) sums.delete(path);
    });
    return reading.sum;
  };
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
