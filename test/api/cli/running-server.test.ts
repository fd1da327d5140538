import { expect, test } from 'vitest';
import { runCommand } from '../../../src/cli/program.ts';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp } from '../../kit/app.ts';
import { find } from '../../kit/completions.ts';
import { waitFor } from '../../kit/wait-for.ts';
import { createFakeTerminal } from '../../unit/cli/fake-terminal.ts';
import { startSluice } from './sluice-process.ts';

const nowhere = '/nonexistent/sluice';

test('a completion streams from the server of the data directory, token by token', async () => {
  const inference = createScriptedInference();
  inference.hold();
  await using app = await startApp({ inference });
  const environment = { SLUICE_DATA_DIR: app.config.dataDirectory };
  await using command = startSluice(['complete', 'one two three', '--model', 'scripted'], environment);
  await waitFor('the engine to run', () => inference.running > 0, 30_000);
  inference.allow(1);
  await command.prints(/^one$/u);
  inference.release();
  expect(await command.ended()).toBe(0);
  expect(command.stdout()).toBe('one two three');
  expect(command.stderr()).toBe('');
});

test('Ctrl-C cancels the completion at the server and exits with 130', async () => {
  const inference = createScriptedInference();
  inference.hold();
  await using app = await startApp({ inference });
  await using command = startSluice(['complete', 'one two three'], { SLUICE_DATA_DIR: app.config.dataDirectory });
  await waitFor('the engine to run', () => inference.running > 0, 30_000);
  inference.allow(1);
  await command.prints('one');
  command.child.kill('SIGINT');
  expect(await command.ended()).toBe(130);
  expect(command.stderr()).toBe('cancelled\n');
  await waitFor('the slot to be free', () => inference.running === 0);
  const { completions } = await app.admin.execute<{ completions: { edges: { node: { id: string } }[] } }>(
    '{ completions(first: 1) { edges { node { id } } } }',
  );
  expect(await find(app.admin, completions.edges[0]!.node.id)).toMatchObject({ status: 'CANCELLED' });
});

test('a reader of stdout that leaves ends the command without a word, and the completion with it', async () => {
  const inference = createScriptedInference();
  inference.hold();
  await using app = await startApp({ inference });
  const prompt = 'word '.repeat(200).trim();
  await using command = startSluice(['complete', prompt], { SLUICE_DATA_DIR: app.config.dataDirectory });
  await waitFor('the engine to run', () => inference.running > 0, 30_000);
  inference.allow(1);
  await command.prints('word');
  command.child.stdout!.destroy();
  // Whether a pipe is broken shows on writing only, and the first write may still pass.
  await waitFor('the command to end', () => {
    inference.allow(1);
    return command.child.exitCode !== null;
  });
  expect(command.child.exitCode).toBe(0);
  expect(command.stderr()).toBe('');
  await waitFor('the slot to be free', () => inference.running === 0);
});

/** The same command line, in this process. */
async function runHere(argv: readonly string[], environment: Readonly<Record<string, string>>) {
  const terminal = createFakeTerminal({ environment });
  const status = await runCommand(argv, terminal);
  return { status, stdout: terminal.output(), stderr: terminal.notes() };
}

test('a key that is made opens the server by its address, until it is revoked', async () => {
  await using app = await startApp({ inference: createScriptedInference() });
  const local = { SLUICE_DATA_DIR: app.config.dataDirectory };
  const made = await runHere(['keys', 'create', 'mine', '--expires-in', '1h'], local);
  expect(made.stdout).toMatch(/^slc_\w+\n$/u);

  const remote = { SLUICE_DATA_DIR: nowhere, SLUICE_URL: app.url, SLUICE_API_KEY: made.stdout.trim() };
  expect(await runHere(['complete', 'hello'], remote)).toEqual({ status: 0, stdout: 'hello', stderr: '' });
  const forbidden = await runHere(['keys', 'create', 'more'], remote);
  expect(forbidden).toMatchObject({ status: 1, stdout: '' });
  expect(forbidden.stderr).toMatch(/^error: This needs an API key with the scope ADMIN/u);

  const list = JSON.parse((await runHere(['keys', 'list', '--json'], local)).stdout) as { name: string; id: string }[];
  const { id } = list.find(({ name }) => name === 'mine')!;
  expect(await runHere(['keys', 'revoke', id], local)).toMatchObject({ status: 0 });
  const revoked = await runHere(['complete', 'hello'], remote);
  expect(revoked).toMatchObject({ status: 1, stdout: '' });
  expect(revoked.stderr).toMatch(/^error: The API key was revoked/u);
});

test('models are listed with what they can', async () => {
  await using app = await startApp({ inference: createScriptedInference([{ name: 'scripted', aliases: ['other'] }]) });
  const environment = { SLUICE_DATA_DIR: app.config.dataDirectory };
  expect((await runHere(['models', 'list'], environment)).stdout).toMatch(/^NAME .*\nscripted .*other/u);
  const [model] = JSON.parse((await runHere(['models', 'list', '--json'], environment)).stdout);
  expect(model).toMatchObject({ name: 'scripted', aliases: ['other'], contextSize: 1024 });
});

test('--json prints the finished completion with its usage', async () => {
  await using app = await startApp({ inference: createScriptedInference() });
  const json = await runHere(['complete', 'one two three', '--json'], { SLUICE_DATA_DIR: app.config.dataDirectory });
  expect(json).toMatchObject({ status: 0, stderr: '' });
  expect(JSON.parse(json.stdout)).toMatchObject({
    status: 'SUCCEEDED',
    choices: [{ text: 'one two three', finishReason: 'STOP' }],
    usage: { promptTokens: 3, completionTokens: 4 },
  });
});
