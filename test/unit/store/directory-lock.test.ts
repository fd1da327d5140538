import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { DirectoryInUseError, lockDirectory } from '../../../src/store/directory-lock.ts';
import { temporaryDirectory } from '../../kit/database.ts';

async function lockable(): Promise<AsyncDisposable & { readonly path: string; readonly sockets: string }> {
  const directory = await temporaryDirectory();
  const sockets = path.join(directory.path, 'sockets');
  await mkdir(sockets);
  return { path: directory.path, sockets, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

test('a directory is held by one at a time, and free again when that one lets go', async () => {
  await using folder = await lockable();
  const first = await lockDirectory(folder.path, folder.sockets);
  const refusal = lockDirectory(folder.path, folder.sockets);
  await expect(refusal).rejects.toBeInstanceOf(DirectoryInUseError);
  await expect(refusal).rejects.toThrow(`data directory ${folder.path} is in use by process ${process.pid}`);
  await first[Symbol.asyncDispose]();
  await using _ = await lockDirectory(folder.path, folder.sockets);
});

test('nothing is left behind by who held it and who was refused', async () => {
  await using folder = await lockable();
  const first = await lockDirectory(folder.path, folder.sockets);
  await lockDirectory(folder.path, folder.sockets).catch(() => {});
  await first[Symbol.asyncDispose]();
  expect(await readdir(folder.path)).toEqual(['sockets']);
  expect(await readdir(folder.sockets)).toEqual([]);
});

test('flags of the dead are taken away, also where their pid lives again', async () => {
  await using folder = await lockable();
  await writeFile(path.join(folder.path, `owner-${process.pid}-0123abcd.flag`), path.join(folder.sockets, 'gone'));
  await writeFile(path.join(folder.sockets, 'left'), '');
  await writeFile(path.join(folder.path, 'owner-1-89abcdef.flag'), path.join(folder.sockets, 'left'));
  await using _ = await lockDirectory(folder.path, folder.sockets);
  expect((await readdir(folder.path)).filter((name) => name.endsWith('.flag'))).toHaveLength(1);
});
