import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findRunningServer } from '../../../src/cli/server-file.ts';
import { startFakeService } from './fake-service.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-cli-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const write = (content: unknown) => writeFile(join(directory, 'server.json'), JSON.stringify(content));

test('the server of the directory is found while its process lives and listens', async () => {
  await using service = await startFakeService({ root: {} });
  const content = { pid: process.pid, url: service.url, operatorToken: 'token' };
  await write(content);
  expect(await findRunningServer(directory)).toEqual(content);
});

test('what a dead process left is no server', async () => {
  await using service = await startFakeService({ root: {} });
  const { pid } = spawnSync(process.execPath, ['--version']);
  await write({ pid, url: service.url, operatorToken: 'token' });
  expect(await findRunningServer(directory)).toBeUndefined();
});

test('a process that listens no more (a reused pid) is no server', async () => {
  const service = await startFakeService({ root: {} });
  await service[Symbol.asyncDispose]();
  await write({ pid: process.pid, url: service.url, operatorToken: 'token' });
  expect(await findRunningServer(directory)).toBeUndefined();
});

test.each([undefined, 'nonsense', {}, { pid: 'x', url: 'y', operatorToken: '' }])(
  '%j is no server',
  async (content) => {
    if (content !== undefined) await write(content);
    expect(await findRunningServer(directory)).toBeUndefined();
  },
);
