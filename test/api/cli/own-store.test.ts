import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp } from '../../kit/app.ts';
import { temporaryDataDirectory } from '../../kit/database.ts';
import { waitFor } from '../../kit/wait-for.ts';
import { runSluice, startSluice } from './sluice-process.ts';

// Processes start one after the other here, for which a busy machine takes its time.
const timeout = 120_000;

test('without a server, keys are made and listed in the store itself, for the server that comes', {
  timeout,
}, async () => {
  await using directory = await temporaryDataDirectory();
  const environment = { SLUICE_DATA_DIR: directory.path, SLUICE_PORT: '0', SLUICE_LOG_LEVEL: 'error' };
  const made = await runSluice(['keys', 'create', 'early'], environment);
  expect(made.status).toBe(0);
  expect(made.stdout).toMatch(/^slc_\w+\n$/u);
  const admin = /The admin key of this installation, shown this once: (slc_\w+)/u.exec(made.stderr)?.[1];
  expect(admin).toBeDefined();

  await using server = startSluice(['serve'], environment);
  await waitFor('the server to answer', () => server.stderr().includes('Sluice answers at'), 30_000);
  expect(server.stdout()).toBe('');
  const url = /http:\S+(?=\/graphql)/u.exec(server.stderr())![0];
  const remote = { SLUICE_DATA_DIR: '/nonexistent/sluice', SLUICE_URL: url };
  const list = await runSluice(['keys', 'list'], { ...remote, SLUICE_API_KEY: admin! });
  expect(list.stdout).toContain('early');
  expect((await runSluice(['models', 'list'], { ...remote, SLUICE_API_KEY: made.stdout.trim() })).status).toBe(0);
});

test('serve shows the admin key once, stops on SIGTERM, and leaves no trace of running', { timeout }, async () => {
  await using directory = await temporaryDataDirectory();
  const environment = { SLUICE_DATA_DIR: directory.path, SLUICE_PORT: '0', SLUICE_LOG_LEVEL: 'error' };
  for (const expected of [/^slc_\w+\n$/u, /^$/u]) {
    await using server = startSluice(['serve'], environment);
    await waitFor('the server to answer', () => server.stderr().includes('Sluice answers at'), 30_000);
    expect(await readdir(directory.path)).toContain('server.json');

    server.child.kill('SIGTERM');
    expect(await server.ended()).toBe(0);
    expect(server.stdout()).toMatch(expected);
    expect(await readdir(directory.path)).not.toContain('server.json');
  }
});

test('a second server on the directory is refused, with the first one named', { timeout }, async () => {
  await using app = await startApp({ inference: createScriptedInference() });
  const { dataDirectory } = app.config;
  const second = await runSluice(['serve'], { SLUICE_DATA_DIR: dataDirectory, SLUICE_PORT: '0' });
  expect(second).toEqual({
    status: 1,
    stdout: '',
    stderr: `error: data directory ${dataDirectory} is in use by process ${process.pid}\n`,
  });
});

test('migrate makes the database of a new directory, and has nothing to do after', { timeout }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-cli-'));
  try {
    const environment = { SLUICE_DATA_DIR: directory };
    expect((await runSluice(['migrate'], environment)).stdout).toMatch(/^Applied: \d+_init/u);
    expect(await runSluice(['migrate'], environment)).toEqual({
      status: 0,
      stdout: 'The database is up to date.\n',
      stderr: '',
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
