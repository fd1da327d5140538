import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFetchedFiles } from '../../../src/inference/fetched-files.ts';

let directory: string;
let one: string;
let two: string;
let three: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-fetched-'));
  [one, two, three] = [join(directory, '1.gguf'), join(directory, '2.gguf'), join(directory, '3.gguf')];
  for (const path of [one, two, three]) await writeFile(path, '');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('what another process on the folder fetched is known at once', () => {
  const [ours, theirs] = [createFetchedFiles(directory), createFetchedFiles(directory)];
  ours.remember('hf:one', one);
  expect([ours.path('hf:one'), theirs.path('hf:one')]).toEqual([one, one]);
  theirs.remember('hf:two', two);
  ours.remember('hf:three', three);
  expect([ours.path('hf:two'), theirs.path('hf:two'), theirs.path('hf:three')]).toEqual([two, two, three]);
});

test('a file that is gone is not known', async () => {
  const files = createFetchedFiles(directory);
  files.remember('hf:one', one);
  await rm(one);
  expect(files.path('hf:one')).toBeUndefined();
});

test('a file that two sources claim is known to neither', () => {
  const files = createFetchedFiles(directory);
  files.remember('https://one/it.gguf', one);
  files.remember('https://two/it.gguf', one);
  expect([files.path('https://one/it.gguf'), files.path('https://two/it.gguf')]).toEqual([undefined, undefined]);
  files.remember('https://two/it.gguf', two);
  expect([files.path('https://one/it.gguf'), files.path('https://two/it.gguf')]).toEqual([one, two]);
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
