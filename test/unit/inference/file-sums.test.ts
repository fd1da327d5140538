import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFileSums, sha256Of } from '../../../src/inference/file-sums.ts';
import { fileVersion } from '../../../src/inference/file-version.ts';

let directory: string;
let path: string;
let reads: string[];
const readSum = (file: string) => {
  reads.push(file);
  return sha256Of(file);
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-sums-'));
  path = join(directory, 'model.gguf');
  await writeFile(path, 'abc');
  reads = [];
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('a file is read once, by however many it is asked for at the same time and later', async () => {
  const sumOf = createFileSums(readSum);
  const version = await fileVersion(path);
  const sums = await Promise.all(Array.from({ length: 50 }, () => sumOf(path, version)));
  expect(new Set(sums)).toEqual(new Set(['ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad']));
  expect(await sumOf(path, await fileVersion(path))).toBe(sums[0]);
  expect(reads).toEqual([path]);
});

test('a file that was changed or replaced is read again', async () => {
  const sumOf = createFileSums(readSum);
  const before = await sumOf(path, await fileVersion(path));
  await appendFile(path, 'd');
  const after = await sumOf(path, await fileVersion(path));
  expect(after).not.toBe(before);
  expect(reads).toHaveLength(2);
});

test('a file that could not be read is tried again', async () => {
  const sumOf = createFileSums(readSum);
  const version = await fileVersion(path);
  await rm(path);
  await expect(sumOf(path, version)).rejects.toThrow('ENOENT');
  await writeFile(path, 'abc');
  expect(await sumOf(path, version)).toMatch(/^ba7816bf/u);
});
