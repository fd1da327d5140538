import { chmod, mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { socketFolder } from '../../../src/store/socket-folder.ts';
import { temporaryDirectory } from '../../kit/database.ts';

test('sockets lie inside the data directory, where only its owner can enter', async () => {
  await using directory = await temporaryDirectory();
  const folder = await socketFolder(directory.path);
  expect(folder).toBe(path.join(directory.path, 'sockets'));
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
});

test('where that path would be too long, in a private temporary folder that is the same each time', async () => {
  await using directory = await temporaryDirectory();
  const deep = path.join(directory.path, 'a'.repeat(60), 'b'.repeat(60));
  await mkdir(deep, { recursive: true });
  const folder = await socketFolder(deep);
  try {
    expect(Buffer.byteLength(folder)).toBeLessThan(76);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(await socketFolder(deep)).toBe(folder);
    expect(await socketFolder(`${deep}/other`)).not.toBe(folder);
  } finally {
    await rm(folder, { recursive: true });
    await rm(await socketFolder(`${deep}/other`), { recursive: true });
  }
});

test('a folder that others can enter is refused', async () => {
  await using directory = await temporaryDirectory();
  await chmod(await socketFolder(directory.path), 0o755);
  await expect(socketFolder(directory.path)).rejects.toThrow('mode 0700');
});
