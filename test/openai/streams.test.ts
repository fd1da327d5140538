import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../kit/app.ts';
import type { Client } from '../kit/client.ts';
import { createKey, revokeKey } from '../kit/keys.ts';
import { usageRecords } from '../kit/usage.ts';
import { waitFor } from '../kit/wait-for.ts';
import { type CheckedFetch, createCheckedFetch } from './document-check.ts';
import { allFrames, chunksOf, type Frame, readFrames, textOf } from './frames.ts';

const body = { model: 'scripted', prompt: 'a b c d', stream: true };
const chat = { model: 'scripted', messages: [{ role: 'user', content: 'hi' }], stream: true };

describe('streams', () => {
  let engine: ScriptedInference;
  let app: TestApp;
  let client: Client;
  let checked: CheckedFetch;

  beforeAll(async () => {
    engine = createScriptedInference([
      { name: 'scripted', reply: (prompt) => (prompt.startsWith('USER') ? 'yes sir' : prompt) },
    ]);
    app = await startApp({ inference: engine, config: { streams: { pingSeconds: 0.2, graceSeconds: 5 } } });
    checked = await createCheckedFetch(app.url);
  });
  beforeEach(async () => {
    engine.release();
    client = await app.newClient({ scopes: ['COMPLETIONS', 'USAGE_READ'] });
  });
  afterEach(() => checked.settled());
  afterAll(() => app?.[Symbol.asyncDispose]());

  function post(path: string, content: object, headers: object = {}, signal: AbortSignal | null = null) {
    return checked.fetch(`${app.url}/v1${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${client.secret}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(content),
      signal,
    });
  }

  it('send the role first, then text, the finish reason, the usage on request, and [DONE]', async () => {
    const frames = await allFrames(
      await post('/chat/completions', { ...chat, stream_options: { include_usage: true } }),
    );
    const chunks = chunksOf(frames);
    expect(frames.every(({ id }) => id === undefined)).toBe(true);
    expect(frames.at(-1)).toEqual({ data: '[DONE]' });
    expect(chunks[0]!.choices).toEqual([
      { index: 0, delta: { role: 'assistant', content: '', refusal: null }, logprobs: null, finish_reason: null },
    ]);
    expect(textOf(frames)).toBe('yes sir');
    expect(chunks.at(-2)!.choices).toEqual([{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 3 } });
    expect(new Set(chunks.map(({ id, object, model }) => `${id} ${object} ${model}`)).size).toBe(1);
  });

  it('have no usage where nobody asked for it', async () => {
    const chunks = chunksOf(await allFrames(await post('/completions', body)));
    expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true);
  });

  it('send heartbeats while nothing happens', async () => {
    engine.hold();
    const comments: Frame[] = [];
    for await (const frame of readFrames(await post('/completions', body))) {
      if (frame.comment === undefined) continue;
      comments.push(frame);
      if (comments.length === 2) engine.release();
    }
    expect(comments.slice(0, 2)).toEqual([{ comment: 'heartbeat' }, { comment: 'heartbeat' }]);
  });

  it('tell an error after the start as a chunk', async () => {
    engine.hold();
    engine.allow(2);
    const frames: Frame[] = [];
    for await (const frame of readFrames(await post('/completions', body))) {
      frames.push(frame);
      if (textOf(frames) === 'a b') engine.crash();
    }
    expect(chunksOf(frames).at(-1)).toEqual({
      error: { message: expect.stringContaining('stopped'), type: 'server_error', param: null, code: 'engine_crashed' },
    });
    expect(frames.at(-1)).toEqual({ data: '[DONE]' });
  });

  it('end the generation when the client leaves', async () => {
    engine.hold();
    engine.allow(1);
    const leaving = new AbortController();
    for await (const { data } of readFrames(await post('/completions', body, {}, leaving.signal))) {
      if (data) break;
    }
    leaving.abort();
    await waitFor('the engine to stop', () => engine.running === 0);
  });

  it('resume behind the last chunk that a client with an idempotency key has', async () => {
    const headers = { 'idempotency-key': 'resumed' };
    const tagged = { ...body, user: 'resumed' };
    const jobsBefore = engine.jobs.length;
    engine.hold();
    engine.allow(2);
    const seen: Frame[] = [];
    const leaving = new AbortController();
    for await (const frame of readFrames(await post('/completions', tagged, headers, leaving.signal))) {
      seen.push(frame);
      if (textOf(seen) === 'a b') break;
    }
    leaving.abort();
    engine.release();

    const lastId = seen.findLast(({ id }) => id !== undefined)!.id!;
    const rest = await allFrames(await post('/completions', tagged, { ...headers, 'last-event-id': lastId }));
    expect(textOf(seen) + textOf(rest)).toBe('a b c d');
    expect(chunksOf(rest).at(-1)!.choices[0]!.finish_reason).toBe('stop');
    expect(rest.at(-1)).toEqual({ data: '[DONE]' });
    expect(engine.jobs.length).toBe(jobsBefore + 1);

    const end = rest.findLast(({ id }) => id !== undefined)!.id!;
    const again = await allFrames(await post('/completions', tagged, { ...headers, 'last-event-id': end }));
    expect(chunksOf(again).map(({ choices }) => choices[0]!.finish_reason)).toEqual(['stop']);
    expect((await usageRecords(client, { first: 10, filter: { user: 'resumed' } })).edges).toHaveLength(1);
  });

  it('do not resume without an idempotency key, which would run and bill it again', async () => {
    const answer = await post('/completions', body, { 'last-event-id': '2' });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param: 'Last-Event-ID' } });
  });

  it('are the same completion for the same idempotency key, and a conflict with another body', async () => {
    const headers = { 'idempotency-key': 'same' };
    const whole = { ...body, stream: false };
    const first = (await (await post('/completions', whole, headers)).json()) as { id: string };
    const second = (await (await post('/completions', whole, headers)).json()) as { id: string };
    const streamed = chunksOf(await allFrames(await post('/completions', body, headers)));
    const conflict = await post('/completions', { ...whole, prompt: 'x' }, headers);
    expect(second).toEqual(first);
    expect(streamed[0]!.id).toBe(first.id);
    expect(conflict.status).toBe(409);
    expect(conflict.headers.get('x-should-retry')).toBe('false');
    expect(await conflict.json()).toMatchObject({ error: { code: 'idempotency_conflict' } });
  });

  it('keep nothing of a request that says so, and answer it all the same', async () => {
    const asked = { ...chat, stream: false, store: false };
    const answer = (await (await post('/chat/completions', asked)).json()) as { choices: { message: object }[] };
    expect(answer.choices[0]!.message).toMatchObject({ role: 'assistant', content: 'yes sir' });
  });

  it('end with an error when the key is revoked', async () => {
    const { apiKey, secret } = await createKey(app.admin, { name: 'revoked', scopes: ['COMPLETIONS'] });
    engine.hold();
    engine.allow(1);
    const frames: Frame[] = [];
    for await (const frame of readFrames(await post('/completions', body, { authorization: `Bearer ${secret}` }))) {
      frames.push(frame);
      if (textOf(frames) === 'a' && !chunksOf(frames).at(-1)!.error) await revokeKey(app.admin, apiKey!.id);
    }
    expect(chunksOf(frames).at(-1)!.error).toMatchObject({ code: 'invalid_api_key' });
    await waitFor('the engine to stop', () => engine.running === 0);
  });

  it('leave nothing running of several prompts of which one is refused', async () => {
    engine.hold();
    const answer = await post('/completions', { ...body, prompt: ['a b', ''] });
    expect(answer.status).toBe(400);
    await waitFor('the engine to stop', () => engine.running === 0);
  });
});
