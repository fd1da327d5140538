import { expect, test } from 'vitest';
import { runCommand } from '../../../src/cli/program.ts';
import { startApp } from '../../kit/app.ts';
import { cancel, complete } from '../../kit/completions.ts';
import { endlessBias } from '../../kit/endless.ts';
import { starterEntry } from '../../kit/models.ts';
import { pooledModel, watchPool } from '../../kit/pool.ts';
import { createFakeTerminal } from '../../unit/cli/fake-terminal.ts';

const starter = { ...starterEntry, load: 'demand' };
const gone = { ...starter, name: 'gone', source: 'file:gone.gguf', aliases: [] };

/** The command line, in this process. */
function start(argv: readonly string[], environment: Readonly<Record<string, string>>) {
  const terminal = createFakeTerminal({ environment });
  const outcome = runCommand(argv, terminal).then((status) => {
    return { status, stdout: terminal.output(), stderr: terminal.notes() };
  });
  return { terminal, outcome };
}

test('models are moved in and out of memory, by name or alias, and the command answers when they are there', async () => {
  await using app = await startApp({ config: { models: [starter, gone] } });
  const run = (...argv: string[]) => start(['models', ...argv], { SLUICE_DATA_DIR: app.config.dataDirectory }).outcome;
  const status = async () => (await pooledModel(app.admin, 'starter')).status;

  expect(await run('load', 'default')).toEqual({ status: 0, stdout: 'Loaded the model "starter".\n', stderr: '' });
  expect(await status()).toBe('LOADED');
  const json = await run('load', 'starter', '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({ name: 'starter', status: 'LOADED', slots: 2 });
  expect(await run('unload', 'starter')).toEqual({
    status: 0,
    stdout: 'Unloaded the model "starter".\n',
    stderr: '',
  });
  expect(await status()).toBe('UNLOADED');
  expect(await run('unload', 'starter')).toMatchObject({ status: 0 });

  expect(await run('load', 'nothing')).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^error: .*nothing.* \(MODEL_NOT_FOUND\)\n$/u),
  });
  expect(await run('load', 'gone')).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^error: .*gone.* \(MODEL_UNAVAILABLE\)\n$/u),
  });
});

test('moving models is for administrators, and needs a server', async () => {
  await using app = await startApp({ config: { models: [starter] } });
  const client = await app.newClient();
  const remote = { SLUICE_DATA_DIR: '/nonexistent/sluice', SLUICE_URL: app.url, SLUICE_API_KEY: client.secret };
  const refused = await start(['models', 'load', 'starter'], remote).outcome;
  expect(refused).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(/scope ADMIN/u) });
  const alone = await start(['models', 'load', 'starter'], { SLUICE_DATA_DIR: '/nonexistent/sluice' }).outcome;
  expect(alone).toMatchObject({ status: 1, stderr: expect.stringMatching(/^error: no server runs on the data dir/u) });
});

test('who stops waiting for a model to leave is told that the server goes on, and it does', async () => {
  await using app = await startApp({ config: { models: [starter] } });
  const client = await app.newClient();
  const endless = { maxTokens: 1500, mode: 'BACKGROUND', logitBias: await endlessBias(client) };
  await using events = watchPool(app.admin);
  const { id } = await complete(client, { model: 'starter', prompt: 'Once upon a time', ...endless });
  await events.until(({ model }) => model.replicas[0]!.slotsBusy > 0);
  const { terminal, outcome } = start(['models', 'unload', 'starter'], { SLUICE_DATA_DIR: app.config.dataDirectory });
  await events.until(({ model }) => model.status === 'UNLOADING');
  terminal.interrupt();
  expect(await outcome).toEqual({ status: 130, stdout: '', stderr: 'the server goes on by itself\n' });
  await cancel(client, id);
  await events.until(({ model }) => model.status === 'UNLOADED');
});
