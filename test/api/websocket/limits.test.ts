import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../../src/inference/scripted.ts';
import { generateSecret } from '../../../src/lib/api-key-secret.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import type { Client } from '../../kit/client.ts';
import { complete, createDocument, eventsDocument, find } from '../../kit/completions.ts';
import { createKey, revokeKey } from '../../kit/keys.ts';
import { connect, openSocket } from '../../kit/socket.ts';
import { waitFor } from '../../kit/wait-for.ts';

const model = 'scripted';

describe('a WebSocket', () => {
  let inference: ScriptedInference;
  let app: TestApp;
  let client: Client;

  beforeAll(async () => {
    inference = createScriptedInference([{ name: model, slots: 2 }]);
    app = await startApp({
      inference,
      config: { limits: { requestBytes: 20_000 }, streams: { graceSeconds: 0 } },
      environment: { SLUICE_ALLOWED_ORIGINS: 'https://app.example.com' },
    });
    client = await app.newClient();
  });
  beforeEach(() => inference.release());
  afterAll(() => app?.[Symbol.asyncDispose]());

  it.each([
    ['no payload', undefined, /connectionParams/u],
    ['a key that nobody made', { authorization: `Bearer ${generateSecret()}` }, /unknown to this server/u],
    ['a key without its scheme', { authorization: 'slc_key' }, /Authorization: Bearer/u],
    ['a key that is no text', { authorization: 7 }, /connectionParams/u],
  ])('is closed with 4401 for %s, and told why', async (_name, payload, reason) => {
    await using socket = await connect(app.url);
    socket.send({ type: 'connection_init', payload });
    const closed = await socket.closed;
    expect(closed.code).toBe(4401);
    expect(closed.reason).toMatch(reason);
  });

  it('is closed with 4401 for a revoked key', async () => {
    const { apiKey, secret } = await createKey(app.admin, { name: 'revoked', scopes: ['COMPLETIONS'] });
    await revokeKey(app.admin, apiKey!.id);
    await using socket = await connect(app.url);
    socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${secret}` } });
    expect(await socket.closed).toEqual({ code: 4401, reason: 'The API key was revoked.' });
  });

  it('ends what runs on it when its key is revoked', async () => {
    const { apiKey, secret } = await createKey(app.admin, { name: 'revoked later', scopes: ['COMPLETIONS'] });
    await using socket = await openSocket(app.url, secret!);
    inference.hold();
    const variables = { input: { model, prompt: 'alpha beta' } };
    socket.send({ id: '1', type: 'subscribe', payload: { query: createDocument, variables } });
    await waitFor('it to run', () => inference.running === 1);
    await revokeKey(app.admin, apiKey!.id);
    expect((await socket.closed).code).toBe(4403);
    await waitFor('it to be cancelled', () => inference.running === 0);
  });

  it.each([
    [undefined, true],
    ['https://app.example.com', true],
    ['the server itself', true],
    ['https://evil.example.com', false],
    ['https://app.example.com.evil.example', false],
    ['null', false],
  ])('from the origin %s is let in: %s', async (origin, letIn) => {
    const own = origin === 'the server itself' ? app.url : origin;
    const connected = connect(app.url, own === undefined ? {} : { origin: own });
    if (letIn) await (await connected)[Symbol.asyncDispose]();
    else await expect(connected).rejects.toThrow('403');
  });

  it('is closed with 1009 for a message over the limit, and the server goes on', async () => {
    await using socket = await openSocket(app.url, client.secret);
    socket.send({ id: '1', type: 'subscribe', payload: { query: `{ __typename } # ${'x'.repeat(20_000)}` } });
    expect((await socket.closed).code).toBe(1009);
    expect((await complete(client, { model, prompt: 'alpha' })).status).toBe('SUCCEEDED');
  });

  it('carries 100 operations at once; one more is refused, and the others go on', async () => {
    inference.hold();
    const { id } = await complete(client, { model, prompt: 'alpha beta', mode: 'BACKGROUND' });
    await using socket = await openSocket(app.url, client.secret);
    for (let i = 0; i <= 100; i++) {
      socket.send({ id: `${i}`, type: 'subscribe', payload: { query: eventsDocument, variables: { id } } });
    }
    const refused = await waitFor('the refusal', () => socket.received.find(({ type }) => type === 'error'), 30_000);
    expect(refused.payload[0]).toMatchObject({ extensions: { code: 'OVERLOADED', retryAfterSeconds: 1 } });
    inference.release();
    const ended = () => socket.received.filter(({ type }) => type === 'complete').length;
    await waitFor('all others to end', () => ended() === 100, 30_000);
    expect((await find(client, id))!.status).toBe('SUCCEEDED');
  });

  it('is told of a bad operation by an error of its own, and stays open', async () => {
    await using socket = await openSocket(app.url, client.secret);
    socket.send({ id: 'bad', type: 'subscribe', payload: { query: '{ nothing }' } });
    socket.send({ id: 'good', type: 'subscribe', payload: { query: '{ __typename }' } });
    await waitFor('both answers', () => socket.received.some(({ id, type }) => id === 'good' && type === 'complete'));
    const error = socket.received.find(({ id }) => id === 'bad')!;
    expect(error.type).toBe('error');
    expect(error.payload[0].extensions.code).toMatch(/^(INVALID_INPUT|GRAPHQL_VALIDATION_FAILED)$/u);
  });
});

/** An app of its own: pings as frequent as these cut off whoever a busy machine keeps from answering. */
it('a WebSocket that answers no ping is taken for dead, and its streams for left', async () => {
  const inference = createScriptedInference([{ name: model }]);
  await using app = await startApp({ inference, config: { streams: { graceSeconds: 0, pingSeconds: 0.2 } } });
  const client = await app.newClient();
  await using socket = await openSocket(app.url, client.secret);
  inference.hold();
  const { id } = await complete(client, { model, prompt: 'alpha beta', mode: 'STREAM' });
  socket.send({ id: '1', type: 'subscribe', payload: { query: eventsDocument, variables: { id } } });
  await waitFor('it to be read', () => socket.received.some(({ type }) => type === 'next'));
  // Reads and answers nothing from now on, as a machine that lost its network.
  socket.webSocket.pause();
  await waitFor('the stream to be left', async () => (await find(client, id))!.status === 'CANCELLED');
});
