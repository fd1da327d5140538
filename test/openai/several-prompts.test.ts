import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../kit/app.ts';
import type { Client } from '../kit/client.ts';
import { usageRecords } from '../kit/usage.ts';
import { waitFor } from '../kit/wait-for.ts';
import { type CheckedFetch, createCheckedFetch } from './document-check.ts';
import { allFrames, chunksOf, textOf } from './frames.ts';

const prompt = ['a b', 'c d e', 'f'];
const body = { model: 'scripted', prompt };

interface Answer {
  readonly id: string;
  readonly choices: readonly { readonly text: string }[];
}

describe('an idempotency key of several prompts', () => {
  let engine: ScriptedInference;
  let app: TestApp;
  let client: Client;
  let checked: CheckedFetch;
  let recordedBefore: number;

  beforeAll(async () => {
    engine = createScriptedInference();
    app = await startApp({ inference: engine, config: { streams: { graceSeconds: 30 } } });
    checked = await createCheckedFetch(app.url);
  });
  beforeEach(async () => {
    engine.release();
    client = await app.newClient({ scopes: ['COMPLETIONS', 'USAGE_READ'] });
    recordedBefore = await recorded();
  });
  afterEach(() => checked.settled());
  afterAll(() => app?.[Symbol.asyncDispose]());

  function post(content: object, key: string, signal: AbortSignal | null = null, headers: object = {}) {
    return checked.fetch(`${app.url}/v1/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${client.secret}`,
        'content-type': 'application/json',
        'idempotency-key': key,
        ...headers,
      },
      body: JSON.stringify(content),
      signal,
    });
  }

  const answerOf = async (answer: Response) => (await answer.json()) as Answer;
  const recorded = async () => (await usageRecords(client, { first: 100 })).edges.length;
  /** In this test. */
  const charges = async () => (await recorded()) - recordedBefore;

  it('is the same completions for every repetition, at once and later, whole and streamed', async () => {
    const before = engine.jobs.length;
    const key = 'k'.repeat(255);
    const [first, ...others] = await Promise.all([1, 2, 3, 4].map(async () => answerOf(await post(body, key))));
    expect(first!.choices.map(({ text }) => text)).toEqual(prompt);
    for (const other of [...others, await answerOf(await post(body, key))]) expect(other).toEqual(first);
    const frames = await allFrames(await post({ ...body, stream: true }, key));
    expect([0, 1, 2].map((index) => textOf(frames, index))).toEqual(prompt);
    expect(frames.every(({ id }) => id === undefined)).toBe(true);
    expect(engine.jobs.length - before).toBe(3);
    expect(await charges()).toBe(3);
  });

  it('tells the usage of all of them in the last chunk', async () => {
    const asked = { ...body, stream: true, stream_options: { include_usage: true } };
    const whole = (await (await post(body, 'usage of all')).json()) as { usage: object };
    const chunks = chunksOf(await allFrames(await post(asked, 'usage of all')));
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  it('lets a client that lost its connection come back to all of them', async () => {
    const before = engine.jobs.length;
    engine.hold();
    const leaving = new AbortController();
    const lost = post(body, 'lost', leaving.signal).catch(() => {});
    await waitFor('all to run', () => engine.running === 3);
    leaving.abort();
    await lost;
    const retried = post(body, 'lost');
    engine.release();
    expect((await answerOf(await retried)).choices.map(({ text }) => text)).toEqual(prompt);
    expect(engine.jobs.length - before).toBe(3);
    expect(await charges()).toBe(3);
  });

  it.each([
    ['fewer prompts', ['a b']],
    ['a prompt alone', 'a b'],
    ['more prompts', [...prompt, 'g']],
    ['another last prompt', ['a b', 'c d e', 'x']],
    ['another first prompt', ['x', 'c d e', 'f']],
    ['another order', ['a b', 'f', 'c d e']],
    ['tokens', [[1, 2], [3], [4]]],
  ])('conflicts with %s, and runs nothing of it', async (name, other) => {
    await post(body, name);
    const before = engine.jobs.length;
    const answer = await post({ ...body, prompt: other }, name);
    expect(answer.status).toBe(409);
    expect(await answer.json()).toMatchObject({ error: { code: 'idempotency_conflict' } });
    expect(engine.jobs.length).toBe(before);
    expect(await charges()).toBe(3);
  });

  it('of one prompt conflicts with several that begin with it', async () => {
    await post({ ...body, prompt: 'a b' }, 'one');
    expect((await post(body, 'one')).status).toBe(409);
    expect(await charges()).toBe(1);
  });

  it('goes on where a refusal had cut it short, and pays for nothing twice', async () => {
    client = await app.newClient({ scopes: ['COMPLETIONS', 'USAGE_READ'], limits: { concurrentCompletions: 3 } });
    const before = engine.jobs.length;
    engine.hold();
    const leaving = new AbortController();
    const other = post({ model: 'scripted', prompt: 'x' }, 'other', leaving.signal).catch(() => {});
    await waitFor('the other to run', () => engine.running === 1);
    expect((await post(body, 'short')).status).toBe(429);
    await waitFor('those that found room to run', () => engine.running === 3);
    engine.release();
    await other;
    await waitFor('room', async () => (await charges()) === 3);
    expect((await answerOf(await post(body, 'short'))).choices.map(({ text }) => text)).toEqual(prompt);
    expect(engine.jobs.length - before).toBe(4);
    expect(await charges()).toBe(4);
  });

  it('does not take up a stream in the middle, as its chunks are of several completions', async () => {
    const answer = await post({ ...body, stream: true }, 'middle', null, { 'last-event-id': '2' });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param: 'Last-Event-ID' } });
  });
});
