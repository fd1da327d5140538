import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadServerSecrets, rotateKeptSecret } from '../../../src/store/secret-files.ts';
import { temporaryDirectory } from '../../kit/database.ts';

const kept = (dataDirectory: string) => ({ secret: undefined, previousSecret: undefined, dataDirectory });

test('configured secrets are taken as they are, and nothing is written', async () => {
  await using directory = await temporaryDirectory();
  const configured = { secret: 'the one', previousSecret: 'the one before', dataDirectory: directory.path };
  expect(await loadServerSecrets(configured)).toEqual({ current: 'the one', previous: 'the one before' });
  expect(await readdir(directory.path)).toEqual([]);
});

test('without one it is made once, however many ask at once, and only its owner reads it', async () => {
  await using directory = await temporaryDirectory();
  const first = await loadServerSecrets(kept(directory.path));
  expect(first).toEqual({ current: expect.stringMatching(/^[\w-]{43}$/u), previous: undefined });
  const later = await Promise.all([1, 2, 3].map(() => loadServerSecrets(kept(directory.path))));
  expect(later).toEqual([first, first, first]);
  await rm(join(directory.path, 'secret'));
  const anew = await Promise.all([1, 2, 3, 4].map(() => loadServerSecrets(kept(directory.path))));
  expect(new Set(anew.map(({ current }) => current)).size).toBe(1);
  expect(await readdir(directory.path)).toEqual(['secret']);
  expect((await stat(join(directory.path, 'secret'))).mode & 0o777).toBe(0o600);
});

test('a rotation makes another and keeps the one before, until that file is removed', async () => {
  await using directory = await temporaryDirectory();
  const before = await loadServerSecrets(kept(directory.path));
  const { previous } = await rotateKeptSecret(kept(directory.path));
  expect(previous).toBe(join(directory.path, 'secret.previous'));
  const during = await loadServerSecrets(kept(directory.path));
  expect(during.previous).toBe(before.current);
  expect(during.current).not.toBe(before.current);
  for (const name of ['secret', 'secret.previous']) {
    expect((await stat(join(directory.path, name))).mode & 0o777).toBe(0o600);
  }
  await expect(rotateKeptSecret(kept(directory.path))).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('not over'),
  });
  expect((await readFile(join(directory.path, 'secret'), 'utf8')).trim()).toBe(during.current);
  await rm(previous);
  expect(await loadServerSecrets(kept(directory.path))).toEqual({ current: during.current, previous: undefined });
  await rotateKeptSecret(kept(directory.path));
  expect((await loadServerSecrets(kept(directory.path))).previous).toBe(during.current);
});

test.each(['secret', 'secret.previous'])('a %s that was cut short is refused, and kept', async (name) => {
  await using directory = await temporaryDirectory();
  await loadServerSecrets(kept(directory.path));
  const file = join(directory.path, name);
  for (const text of ['', 'cut short\n']) {
    await writeFile(file, text);
    const refused = { code: 'INVALID_INPUT', message: expect.stringContaining(`${file} holds no secret`) };
    await expect(loadServerSecrets(kept(directory.path))).rejects.toMatchObject(refused);
    if (name === 'secret') await expect(rotateKeptSecret(kept(directory.path))).rejects.toMatchObject(refused);
    expect(await readFile(file, 'utf8')).toBe(text);
  }
});

test('what is not kept in the directory is not rotated there', async () => {
  await using directory = await temporaryDirectory();
  const none = { code: 'INVALID_INPUT', message: expect.stringContaining('There is no secret') };
  await expect(rotateKeptSecret(kept(directory.path))).rejects.toMatchObject(none);
  const configured = { ...kept(directory.path), secret: 'the one' };
  const message = expect.stringContaining('SLUICE_PREVIOUS_SECRET');
  await expect(rotateKeptSecret(configured)).rejects.toMatchObject({ code: 'INVALID_INPUT', message });
  expect(await readdir(directory.path)).toEqual([]);
});
