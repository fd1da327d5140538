import { expect, test } from 'vitest';
import { openApp } from '../../../src/app.ts';
import { loadConfig } from '../../../src/config.ts';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { forever, isPending } from '../../contract/jobs/suite.ts';
import { startApp } from '../../kit/app.ts';
import { createClient } from '../../kit/client.ts';
import { allEvents, complete, create, find, refusal } from '../../kit/completions.ts';
import { silentLog, temporaryDataDirectory } from '../../kit/database.ts';
import { readEventStream, resultOf } from '../../kit/event-stream.ts';
import { openSocket } from '../../kit/socket.ts';
import { waitFor } from '../../kit/wait-for.ts';

const prompt = 'one two three four five six';
const input = { model: 'scripted', prompt };

test('a stop refuses new work, lets streams finish, and every reader has the end before its connection closes', async () => {
  const inference = createScriptedInference();
  await using app = await startApp({ inference });
  const client = await app.newClient();
  inference.hold();
  const retried = { ...input, mode: 'STREAM', idempotencyKey: 'retried' };
  const { id } = await complete(client, retried);
  const overWebSocket = allEvents(client, { id });
  const overSse = readEventStream(client, { id });
  const waiting = create(client, { ...input, prompt: 'waited for' });
  await waitFor('both to run', () => inference.running === 2);

  const socket = await openSocket(app.url, client.secret);
  const stopped = app.server.stop();
  expect((await fetch(`${app.url}/readyz`)).status).toBe(503);
  expect(await refusal(client, input)).toMatchObject({ code: 'OVERLOADED', retryAfterSeconds: 1 });
  // What was made before is no new work.
  expect(await complete(client, retried)).toMatchObject({ id, status: 'RUNNING' });
  inference.release();

  expect((await overWebSocket).at(-1)).toMatchObject({ completion: { status: 'SUCCEEDED' } });
  const wire = await overSse;
  expect(wire.at(-1)!.event).toBe('complete');
  expect(resultOf(wire.at(-2)!).data!.completionEvents.completion!.choices[0]!.text).toBe(prompt);
  expect((await waiting).completion).toMatchObject({ status: 'SUCCEEDED' });
  expect((await socket.closed).code).toBe(1001);
  await stopped;
});

test('a stop waits for what was being created when it came', async () => {
  const inference = createScriptedInference();
  let goOn = () => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let tokenising = false;
  const tokenize: typeof inference.tokenize = async (...of) => {
    tokenising = true;
    await held;
    return inference.tokenize(...of);
  };
  await using directory = await temporaryDataDirectory();
  const config = loadConfig({}, { SLUICE_DATA_DIR: directory.path });
  await using app = await openApp({ config, logger: silentLog, inference: { ...inference, tokenize } });
  await app.run();
  const created = app.services.completions.create(app.operator, { ...input, mode: 'BACKGROUND' });
  await waitFor('it to be tokenised', () => tokenising);
  const drained = app.drain(forever());
  expect(await isPending(drained)).toBe(true);
  goOn();
  const { completion } = await created;
  await drained;
  expect(await app.services.completions.find(app.operator, [completion.id])).toMatchObject([{ status: 'SUCCEEDED' }]);
});

test('what does not finish in time is told so and billed, to every reader', async () => {
  const inference = createScriptedInference();
  await using app = await startApp({ inference, config: { streams: { drainSeconds: 0.3 } } });
  const client = await app.newClient();
  inference.hold();
  inference.allow(2);
  const { id } = await complete(client, { ...input, mode: 'STREAM' });
  const overWebSocket = allEvents(client, { id });
  const overSse = readEventStream(client, { id });
  const waiting = create(client, { ...input, prompt: 'waited for' });
  await waitFor('both to run', () => inference.running === 2);
  await app.server.stop();

  const [last] = (await overWebSocket).slice(-1);
  expect(last).toMatchObject({ __typename: 'CompletionFailed', error: { code: 'INTERRUPTED' } });
  expect(last!.completion).toMatchObject({ status: 'FAILED', usage: { completionTokens: 2 } });
  const wire = await overSse;
  expect(wire.at(-1)!.event).toBe('complete');
  expect(resultOf(wire.at(-2)!).data!.completionEvents).toEqual(last);
  expect((await waiting).completion).toMatchObject({ status: 'FAILED', error: { code: 'INTERRUPTED' } });
});

test('a BACKGROUND completion that waits, for a slot or for its model, is kept through a stop and runs at the next start', async () => {
  await using directory = await temporaryDataDirectory();
  const options = { dataDirectory: directory.path, config: { streams: { drainSeconds: 0.3 } } };
  const models = [{ name: 'scripted', slots: 1 }];
  const ids: string[] = [];
  let secret = '';
  {
    const loading = { ...createScriptedInference(models), prepare: untilAborted };
    await using app = await startApp({ ...options, inference: loading });
    const client = await app.newClient();
    secret = client.secret;
    for (let count = 0; count < 2; count++) ids.push((await complete(client, { ...input, mode: 'BACKGROUND' })).id);
    await app.server.stop();
  }

  await using app = await startApp({ ...options, inference: createScriptedInference(models) });
  const client = createClient(app.url, secret);
  for (const id of ids) {
    await waitFor('it to end', async () => !['QUEUED', 'RUNNING'].includes((await find(client, id))!.status));
    expect(await find(client, id)).toMatchObject({ status: 'SUCCEEDED', choices: [{ text: prompt }] });
  }
});

const untilAborted = (_slot: unknown, signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
