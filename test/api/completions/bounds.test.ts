import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import type { Client } from '../../kit/client.ts';
import { allEvents, cancel, complete, events, eventsRefusal, find, refusal, textOf } from '../../kit/completions.ts';
import { waitFor } from '../../kit/wait-for.ts';

const model = 'scripted';
const prompt = 'alpha beta gamma delta epsilon zeta';

describe('what bounds a completion', () => {
  let inference: ScriptedInference;
  let app: TestApp;
  let client: Client;

  beforeAll(async () => {
    inference = createScriptedInference([
      { name: model, aliases: ['alias'], slots: 2, defaultMaxTokens: 4, contextSize: 64, hasChatTemplate: false },
      { name: 'by-seed', slots: 2, reply: (_prompt, seed) => ' word'.repeat(1 + (seed % 4)) },
      { name: 'unicode', reply: () => 'Straße 你好 🙂🙂 👩‍👩‍👧 e\u0301nde' },
    ]);
    app = await startApp({
      inference,
      config: { limits: { queueRequests: 2 }, retention: { logSeconds: 0.1 } },
    });
    client = await app.newClient();
  });
  beforeEach(() => inference.release());
  afterAll(() => app?.[Symbol.asyncDispose]());

  it('is maxTokens, by default the model’s, and no more than the context leaves', async () => {
    const asked = await complete(client, { model, prompt, maxTokens: 3 });
    expect(asked.choices[0]).toMatchObject({ text: 'alpha beta gamma', finishReason: 'LENGTH' });
    expect(asked.usage.completionTokens).toBe(3);
    expect((await complete(client, { model: 'alias', prompt })).maxTokens).toBe(4);
    const long = Array.from({ length: 62 }, (_, i) => `w${i}`).join(' ');
    expect((await complete(client, { model, prompt: long })).maxTokens).toBe(2);
  });

  it('ends each of n choices for its own reason, with more choices than slots', async () => {
    const { choices, usage } = await complete(client, { model: 'by-seed', prompt, n: 8, maxTokens: 3, seed: 0 });
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    // Seeds 0 to 7 say one to four words, and the end is a token, too.
    expect(choices.map(({ finishReason }) => finishReason)).toEqual(
      [0, 1, 2, 3, 0, 1, 2, 3].map((more) => (more + 2 <= 3 ? 'STOP' : 'LENGTH')),
    );
    expect(usage).toMatchObject({ promptTokens: 6, completionTokens: 2 + 3 + 3 + 3 + 2 + 3 + 3 + 3 });
  });

  it('is the first of its stop sequences, cut from the text and reported', async () => {
    const { choices, usage } = await complete(client, {
      model,
      prompt,
      maxTokens: 20,
      stop: ['nope', 'mma del', 'zeta'],
    });
    expect(choices[0]).toMatchObject({ text: 'alpha beta ga', finishReason: 'STOP_SEQUENCE', stopSequence: 'mma del' });
    expect(usage.completionTokens).toBe(4);
  });

  it('is its deadline: FAILED with TIMEOUT, the text so far kept and billed', async () => {
    inference.hold();
    const created = await complete(client, { model, prompt, maxTokens: 6, mode: 'STREAM', timeoutSeconds: 2 });
    const seen = [];
    for await (const event of events(client, { id: created.id })) {
      seen.push(event);
      if (event.__typename === 'CompletionStarted') inference.allow(2);
    }
    expect(seen.at(-1)).toMatchObject({ __typename: 'CompletionFailed', error: { code: 'TIMEOUT' } });
    expect(seen.at(-1)!.completion).toMatchObject({
      status: 'FAILED',
      error: { __typename: 'TimeoutError', code: 'TIMEOUT' },
      choices: [{ text: 'alpha beta', finishReason: 'TIMEOUT' }],
      usage: { promptTokens: 6, completionTokens: 2 },
    });
  });

  it('is its deadline while it waits, too: unbilled then, and answered by WAIT as the payload', async () => {
    inference.hold();
    const held = await Promise.all([1, 2].map(() => complete(client, { model, prompt, mode: 'BACKGROUND' })));
    await waitFor('both slots in use', () => inference.running === 2);
    const late = await complete(client, { model, prompt, timeoutSeconds: 0.3 });
    expect(late).toMatchObject({ status: 'FAILED', error: { code: 'TIMEOUT' }, usage: { totalTokens: 0 } });
    for (const { id } of held) await cancel(client, id);
  });

  it('is the room in the line: beyond it OVERLOADED, with when to come back', async () => {
    inference.hold();
    const placed = await Promise.all(
      [1, 2, 3, 4].map((i) => complete(client, { model, prompt, mode: 'BACKGROUND', idempotencyKey: `placed ${i}` })),
    );
    await waitFor('both slots in use', () => inference.running === 2);
    const refused = await refusal(client, { model, prompt, mode: 'BACKGROUND' });
    expect(refused).toMatchObject({ __typename: 'OverloadedError', code: 'OVERLOADED' });
    expect(refused.retryAfterSeconds).toBeGreaterThanOrEqual(1);
    expect(refused.message).toMatch(/too many requests are waiting.*try again/isu);
    // A retry asks for no room: the place that it asked for before is its own.
    const again = await complete(client, { model, prompt, mode: 'BACKGROUND', idempotencyKey: 'placed 4' });
    expect(again).toMatchObject({ id: placed[3]!.id, status: 'QUEUED' });
    const other = { model, prompt: 'another', mode: 'BACKGROUND', idempotencyKey: 'placed 4' };
    expect(await refusal(client, other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    for (const { id } of placed) await cancel(client, id);
  });

  it('fails it with ENGINE_CRASHED where its engine dies, with the text so far', async () => {
    inference.hold();
    const created = await complete(client, { model, prompt, mode: 'STREAM' });
    const seen = [];
    for await (const event of events(client, { id: created.id })) {
      seen.push(event);
      if (event.__typename === 'CompletionStarted') inference.allow(1);
      if (event.__typename === 'CompletionDelta' && event.text) inference.crash();
    }
    expect(seen.at(-1)).toMatchObject({ __typename: 'CompletionFailed', error: { code: 'ENGINE_CRASHED' } });
    expect(seen.at(-1)!.completion!.choices[0]).toMatchObject({ text: 'alpha', finishReason: 'ERROR' });
  });

  it('answers a model without a chat template with INVALID_INPUT', async () => {
    const refused = await refusal(client, { model, messages: [{ role: 'USER', content: 'Hi' }] });
    expect(refused).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: ['messages'] }] });
  });

  it('keeps what the caller adds: user, metadata, seed', async () => {
    const metadata = { order: 7, nested: { tags: ['a', null, true] } };
    const { id } = await complete(client, { model, prompt, user: 'u-1', metadata, seed: 4_294_967_295 });
    expect(await find(client, id)).toMatchObject({ user: 'u-1', metadata, seed: 4_294_967_295 });
  });

  it('answers readers with the same seqs from the store once its log was let go, from any offset', async () => {
    const input = { model: 'unicode', prompt, n: 2, maxTokens: 20, mode: 'STREAM' };
    inference.hold();
    const { id } = await complete(client, input);
    const live = [];
    for await (const event of events(client, { id })) {
      live.push(event);
      inference.allow(1);
    }
    // Queued and started are in the log only: without them the answer is the store's.
    const stored = await waitFor('the log to be let go', async () => {
      const seen = await allEvents(client, { id });
      return seen[0]?.__typename === 'CompletionDelta' && seen;
    });
    expect(stored.at(-1)).toEqual(live.at(-1));
    for (const { seq: after } of live) {
      const rest = await allEvents(client, { id, after });
      const later = live.filter(({ seq }) => seq > after);
      for (const index of [0, 1]) expect(textOf(rest, index)).toBe(textOf(later, index));
      expect(rest.at(-1)?.seq).toBe(later.at(-1)?.seq);
      const ends = (all: typeof rest) =>
        all.flatMap(({ choices }) => choices ?? []).filter(({ finishReason }) => finishReason !== null).length;
      expect(ends(rest)).toBe(ends(later));
    }
  });

  it('keeps no content with `store: false`: readers who come late are told so', async () => {
    const { id, choices } = await complete(client, { model, prompt, store: false });
    expect(choices.length).toBeLessThanOrEqual(1);
    const refused = await waitFor('the log to be let go', () => eventsRefusal(client, { id }).catch(() => undefined));
    expect(refused).toMatchObject({ code: 'OFFSET_EXPIRED' });
    expect(await find(client, id)).toMatchObject({ status: 'SUCCEEDED', choices: [], usage: { promptTokens: 6 } });
  });
});
