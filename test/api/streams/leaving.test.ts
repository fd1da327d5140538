import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { type Client, createClient } from '../../kit/client.ts';
import { type CompletionView, cancel, complete, completionFields, createDocument } from '../../kit/completions.ts';
import { openEventStream } from '../../kit/event-stream.ts';
import { createKey, revokeKey } from '../../kit/keys.ts';
import { openSocket } from '../../kit/socket.ts';
import { waitFor } from '../../kit/wait-for.ts';

const slots = 2;
const prompt = 'one two three four five six seven eight';

/** Begins a WAIT mutation; the result leaves it, rudely. */
type Begin = (client: Client, input: object) => Promise<() => void>;

const overHttp: Begin = async (client, input) => {
  const request = httpRequest(client.endpoint, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${client.secret}` },
  });
  request.on('error', () => {});
  request.end(JSON.stringify({ query: createDocument, variables: { input } }));
  return () => void request.destroy();
};

const overSse: Begin = async (client, input) => {
  const stream = await openEventStream(client, { query: createDocument, variables: { input } });
  return () => stream[Symbol.dispose]();
};

const overWebSocket =
  (leave: (socket: Awaited<ReturnType<typeof openSocket>>) => void): Begin =>
  async (client, input) => {
    const socket = await openSocket(new URL(client.endpoint).origin, client.secret);
    socket.send({ id: '1', type: 'subscribe', payload: { query: createDocument, variables: { input } } });
    return () => leave(socket);
  };

const waysToLeave: readonly (readonly [string, Begin])[] = [
  ['an aborted HTTP request', overHttp],
  ['a closed event stream', overSse],
  ['a complete message', overWebSocket((socket) => socket.send({ id: '1', type: 'complete' }))],
  ['a closed WebSocket', overWebSocket((socket) => socket.webSocket.close())],
  ['a connection that was cut', overWebSocket((socket) => socket.webSocket.terminate())],
];

describe('leaving', () => {
  const inference = createScriptedInference([{ name: 'scripted', slots }]);
  let app: TestApp;
  let client: Client;

  beforeAll(async () => {
    app = await startApp({ inference, config: { streams: { graceSeconds: 0.2, firstReaderSeconds: 60 } } });
    client = await app.newClient();
  });
  beforeEach(() => inference.hold());
  afterAll(() => app?.[Symbol.asyncDispose]());

  async function newest(): Promise<CompletionView> {
    const { completions } = await client.execute<{ completions: { edges: { node: CompletionView }[] } }>(
      `{ completions(first: 1) { edges { node { ${completionFields} } } } }`,
    );
    return completions.edges[0]!.node;
  }
  const ended = (id: string) =>
    waitFor('it to have ended', async () => {
      const found = await newest();
      expect(found.id).toBe(id);
      return found.status !== 'QUEUED' && found.status !== 'RUNNING' && found;
    });

  test.each(waysToLeave)('by %s ends a WAIT completion that runs, billed for what it produced', async (_, begin) => {
    const before = inference.jobs.length;
    const leave = await begin(client, { model: 'scripted', prompt });
    await waitFor('it to run', () => inference.jobs.length > before && inference.running === 1);
    inference.allow(2);
    const running = await waitFor('its two tokens', async () => {
      const found = await newest();
      return found.usage.completionTokens === 2 && found;
    });
    leave();
    const { status, error, usage, choices } = await ended(running.id);
    expect({ status, error }).toEqual({ status: 'CANCELLED', error: null });
    expect(usage.completionTokens).toBe(2);
    expect(choices[0]).toMatchObject({ text: 'one two', finishReason: 'CANCELLED' });
    await waitFor('its slot', () => inference.freeSlots('scripted') === slots - 1);
  });

  test.each(waysToLeave)('by %s ends a WAIT completion that runs before its first token', async (_, begin) => {
    const before = inference.jobs.length;
    const leave = await begin(client, { model: 'scripted', prompt });
    await waitFor('it to run', () => inference.jobs.length > before && inference.running === 1);
    const running = await waitFor('it to be told as running', async () => {
      const found = await newest();
      return found.status === 'RUNNING' && found;
    });
    leave();
    const { status, usage, choices } = await ended(running.id);
    expect({ status, completionTokens: usage.completionTokens }).toEqual({ status: 'CANCELLED', completionTokens: 0 });
    expect(choices[0]).toMatchObject({ text: '', finishReason: 'CANCELLED' });
    await waitFor('its slot', () => inference.freeSlots('scripted') === slots - 1);
  });

  test.each(waysToLeave)('by %s ends a WAIT completion in the line, which never starts, unbilled', async (_, begin) => {
    const busy = [];
    for (let i = 0; i < slots; i++)
      busy.push(await complete(client, { model: 'scripted', prompt, mode: 'BACKGROUND' }));
    await waitFor('all slots to be taken', () => inference.running === slots);
    const started = inference.jobs.length;
    const leave = await begin(client, { model: 'scripted', prompt: 'never said' });
    const waiting = await waitFor('it to wait', async () => {
      const found = await newest();
      return found.mode === 'WAIT' && found;
    });
    leave();
    const { status, usage } = await ended(waiting.id);
    expect(status).toBe('CANCELLED');
    expect(usage.totalTokens).toBe(0);
    for (const { id } of busy) await cancel(client, id);
    await waitFor('all slots to be free', () => inference.running === 0);
    expect(inference.jobs.length).toBe(started);
  });

  test('cancelling from anywhere, at once and again, ends it once, and everybody is told the same', async () => {
    const { id } = await complete(client, { model: 'scripted', prompt, mode: 'BACKGROUND' });
    const answers = await Promise.all([cancel(client, id), cancel(app.admin, id), cancel(client, id)]);
    for (const { completion } of [...answers, await cancel(client, id)]) {
      expect(completion).toMatchObject({ id, status: 'CANCELLED', error: null });
      expect(completion).toEqual(answers[0]!.completion);
    }
    const { usageRecords } = await app.admin.execute<{
      usageRecords: { edges: { node: { completion: { id: string } } }[] };
    }>('{ usageRecords(first: 10) { edges { node { completion { id } } } } }');
    expect(usageRecords.edges.filter(({ node }) => node.completion?.id === id)).toHaveLength(1);
  });

  test('a revoked key ends a WAIT completion over HTTP, and is told why', async () => {
    const { apiKey, secret } = await createKey(app.admin, { name: 'revoked later', scopes: ['COMPLETIONS'] });
    const before = inference.jobs.length;
    const answer = createClient(app.url, secret!).request(createDocument, { input: { model: 'scripted', prompt } });
    await waitFor('it to run', () => inference.jobs.length > before && inference.running === 1);
    await revokeKey(app.admin, apiKey!.id);
    expect((await answer).errors).toMatchObject([
      { message: 'The API key was revoked.', extensions: { code: 'FORBIDDEN' } },
    ]);
    await waitFor('it to be cancelled', () => inference.running === 0);
  });
});
