import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectToServer } from '../../../src/cli/connect.ts';
import { type FakeService, startFakeService } from './fake-service.ts';

let directory: string;
let local: FakeService;
let remote: FakeService;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-cli-'));
  local = await startFakeService({ root: { models: () => [] } });
  remote = await startFakeService({ root: { models: () => [] } });
});

afterEach(async () => {
  await local[Symbol.asyncDispose]();
  await remote[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const announceLocal = () =>
  writeFile(
    join(directory, 'server.json'),
    JSON.stringify({ pid: process.pid, url: local.url, operatorToken: 'operator' }),
  );

async function ask(flags: object, environment: object): Promise<void> {
  await using connection = await connectToServer(flags as never, { SLUICE_DATA_DIR: directory, ...environment });
  await connection.execute('{ models { name } }');
}

test('the server of the data directory comes first, entered as its operator', async () => {
  await announceLocal();
  await ask({}, { SLUICE_URL: remote.url, SLUICE_API_KEY: 'key' });
  expect([local.authorizations, remote.authorizations]).toEqual([['Bearer operator'], []]);
});

test('then SLUICE_URL with SLUICE_API_KEY', async () => {
  await ask({}, { SLUICE_URL: remote.url, SLUICE_API_KEY: 'key' });
  expect(remote.authorizations).toEqual(['Bearer key']);
});

test('an address given as a flag goes before the server of the data directory', async () => {
  await announceLocal();
  await ask({ SLUICE_URL: remote.url }, { SLUICE_API_KEY: 'key' });
  expect([local.authorizations, remote.authorizations]).toEqual([[], ['Bearer key']]);
});

test('a key given as a flag is the one that is used', async () => {
  await announceLocal();
  await ask({ SLUICE_API_KEY: 'mine' }, {});
  expect(local.authorizations).toEqual(['Bearer mine']);
});
