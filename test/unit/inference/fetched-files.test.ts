import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFetchedFiles } from '../../../src/inference/fetched-files.ts';

let directory: string;
let one: string;
let two: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-fetched-'));
  [one, two] = [join(directory, '1.gguf'), join(directory, '2.gguf')];
  for (const path of [one, two]) await writeFile(path, '');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('what another process on the folder fetched is known at once', () => {
  const [ours, theirs] = [createFetchedFiles(directory), createFetchedFiles(directory)];
  ours.remember('hf:one', one);
  expect([ours.path('hf:one'), theirs.path('hf:one')]).toEqual([one, one]);
  theirs.remember('hf:two', two);
  ours.remember('hf:three', one);
  expect([ours.path('hf:two'), theirs.path('hf:two'), theirs.path('hf:three')]).toEqual([two, two, one]);
});

test('a file that is gone is not known', async () => {
  const files = createFetchedFiles(directory);
  files.remember('hf:one', one);
  await rm(one);
  expect(files.path('hf:one')).toBeUndefined();
});

test('the list is read again only where it changed', async () => {
  const index = join(directory, 'fetched.json');
  const write = async (path: string, seconds: number) => {
    await writeFile(index, JSON.stringify({ 'hf:it': path }));
    await utimes(index, seconds, seconds);
  };
  const files = createFetchedFiles(directory);
  await write(one, 1);
  expect(files.path('hf:it')).toBe(one);
  await write(two, 1);
  expect(files.path('hf:it')).toBe(one);
  await write(two, 2);
  expect(files.path('hf:it')).toBe(two);
});
