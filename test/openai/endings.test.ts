import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../kit/app.ts';
import { type Client, createClient } from '../kit/client.ts';
import { cancel } from '../kit/completions.ts';
import { createKey, revokeKey } from '../kit/keys.ts';
import { waitFor } from '../kit/wait-for.ts';
import { type CheckedFetch, createCheckedFetch } from './document-check.ts';
import { allFrames, chunksOf, type Frame, textOf } from './frames.ts';

const body = { model: 'scripted', prompt: 'a b c d', max_tokens: 8 };
const chat = { model: 'scripted', messages: [{ role: 'user', content: 'hi' }] };

/** How requests end that were taken: well, badly, or by the client's going. */
describe('a request that was taken', () => {
  let engine: ScriptedInference;
  let app: TestApp;
  let client: Client;
  let checked: CheckedFetch;

  beforeAll(async () => {
    engine = createScriptedInference([
      { name: 'scripted', defaultMaxTokens: 3, reply: (prompt) => (prompt.startsWith('USER') ? 'w x y z' : prompt) },
    ]);
    app = await startApp({ inference: engine, config: { retention: { logSeconds: 0.05 } } });
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

  async function refusalOf(answer: Response) {
    const { error } = (await answer.json()) as { error: { code: string; type: string } };
    const { status, headers } = answer;
    return {
      status,
      code: error.code,
      type: error.type,
      after: headers.get('retry-after'),
      retry: headers.get('x-should-retry'),
    };
  }

  async function runningId(): Promise<string> {
    const document = '{ completions(first: 1) { edges { node { id status } } } }';
    return waitFor('the completion to run', async () => {
      const { completions } = await client.execute<{
        completions: { edges: { node: { id: string; status: string } }[] };
      }>(document);
      const node = completions.edges[0]?.node;
      return node?.status === 'RUNNING' && node.id;
    });
  }

  it('takes the model’s own default of tokens for a chat', async () => {
    const answer = (await (await post('/chat/completions', chat)).json()) as {
      choices: { message: { content: string }; finish_reason: string }[];
    };
    expect(answer.choices[0]).toMatchObject({ message: { content: 'w x y' }, finish_reason: 'length' });
  });

  it('is ended when its client leaves before the answer', async () => {
    engine.hold();
    const leaving = new AbortController();
    const asking = post('/completions', body, {}, leaving.signal).catch(() => {});
    const id = await runningId();
    leaving.abort();
    await asking;
    await waitFor('the engine to stop', () => engine.running === 0);
    await waitFor('it to be cancelled', async () => {
      const { completion } = await client.execute<{ completion: { status: string } }>(
        'query ($id: ID!) { completion(id: $id) { status } }',
        { id },
      );
      return completion.status === 'CANCELLED';
    });
  });

  it.each([
    ['answer', {}],
    ['first token of its stream', { stream: true }],
  ])('is answered with 500 and when to retry when its engine dies before the %s', async (_, how) => {
    engine.hold();
    const asking = post('/completions', { ...body, ...how });
    await waitFor('the generation to start', () => engine.running === 1);
    engine.crash();
    expect(await refusalOf(await asking)).toEqual({
      status: 500,
      code: 'engine_crashed',
      type: 'server_error',
      after: '1',
      retry: null,
    });
  });

  it.each([
    ['/completions', body],
    ['/completions', { ...body, prompt: ['a b', 'c d'] }],
    ['/chat/completions', chat],
  ])(
    'is not to be retried on %s after %j has ended badly, where that would only be told again',
    async (path, content) => {
      engine.hold();
      const key = { 'idempotency-key': JSON.stringify([path, content]) };
      const asking = post(path, content, key);
      await waitFor('the generation to start', () => engine.running > 0);
      engine.crash();
      const refused = { status: 500, code: 'engine_crashed', type: 'server_error', after: '1', retry: 'false' };
      expect(await refusalOf(await asking)).toEqual(refused);
      engine.release();
      expect(await refusalOf(await post(path, content, key))).toEqual(refused);
      expect((await post(path, content)).status).toBe(200);
    },
  );

  it('is answered with 409, not to be retried, when somebody cancels it', async () => {
    engine.hold();
    const asking = post('/completions', body);
    await cancel(client, await runningId());
    expect(await refusalOf(await asking)).toMatchObject({ status: 409, code: 'cancelled', retry: 'false' });
  });

  it('is answered with 401 when its key is revoked before the first token of its stream', async () => {
    const { apiKey, secret } = await createKey(app.admin, { name: 'revoked later', scopes: ['COMPLETIONS'] });
    client = createClient(app.url, secret!);
    engine.hold();
    const asking = post('/completions', { ...body, stream: true });
    await runningId();
    await revokeKey(app.admin, apiKey!.id);
    expect(await refusalOf(await asking)).toMatchObject({ status: 401, code: 'invalid_api_key' });
  });

  it('is answered with 410 when it is repeated after its text was forgotten', async () => {
    const headers = { 'idempotency-key': 'forgotten' };
    const asked = { ...chat, store: false };
    expect((await post('/chat/completions', asked, headers)).status).toBe(200);
    const late = await waitFor('the log to be let go', async () => {
      const answer = await post('/chat/completions', asked, headers);
      return answer.status !== 200 && answer;
    });
    expect(await refusalOf(late)).toMatchObject({ status: 410, code: 'offset_expired', after: null });
  });

  it.each([1, 2])('is resumed from any of its chunks with nothing lost and nothing twice, with n = %i', async (n) => {
    const asked = { ...chat, n, stream: true, stream_options: { include_usage: true } };
    const headers = { 'idempotency-key': `resumed ${n}` };
    engine.hold();
    const asking = post('/chat/completions', asked, headers);
    await waitFor('all choices to run', () => engine.running === n);
    for (let token = 0; token < 3; token++) engine.allow(n);
    const whole = await allFrames(await asking);
    const indexes = Array.from({ length: n }, (_, index) => index);
    expect(indexes.map((index) => textOf(whole, index))).toEqual(indexes.map(() => 'w x y'));

    const ids = [...new Set(whole.flatMap(({ id }) => id ?? []))];
    expect(ids.length).toBeGreaterThan(2);
    for (const id of ids) {
      const had = whole.slice(0, whole.findLastIndex((frame) => frame.id === id) + 1);
      const rest = await allFrames(await post('/chat/completions', asked, { ...headers, 'last-event-id': id }));
      const all: Frame[] = [...had, ...rest];
      for (const index of indexes) {
        expect(textOf(all, index), `from ${id}`).toBe('w x y');
        expect(
          chunksOf(all).filter(({ choices }) => choices[0]?.index === index && choices[0].delta?.role),
        ).toHaveLength(1);
        expect(finishesOf(all, index).every((reason) => reason === 'length')).toBe(true);
        expect(finishesOf(all, index).length).toBeGreaterThan(0);
      }
      expect(chunksOf(rest).at(-1)!.usage).toMatchObject({ completion_tokens: 3 * n });
      expect(rest.at(-1)).toEqual({ data: '[DONE]' });
    }
  });

  it.each([
    ['tokensPerDay', 1],
    ['tokensPerMonth', 1],
    // Of the minute something comes back while the test runs.
    ['tokensPerMinute', 30],
  ])('tells how much of %s the next may take: that is taken, and %i tokens more are not', async (limit, more) => {
    const promptTokens = 4;
    client = await app.newClient({ limits: { [limit]: 100 } });
    const ask = (tokens: number) => post('/completions', { ...body, max_tokens: tokens - promptTokens });
    const answer = await ask(promptTokens + 1);
    const remaining = Number(answer.headers.get('x-ratelimit-remaining-tokens'));
    expect(answer.headers.get('x-ratelimit-limit-tokens')).toBe('100');
    expect(remaining).toBeGreaterThanOrEqual(100 - promptTokens - 1);
    const refused = await ask(remaining + more);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('x-ratelimit-remaining-tokens'))).toBeGreaterThanOrEqual(remaining);
    const streamed = await post('/completions', { ...body, max_tokens: remaining - promptTokens, stream: true });
    expect(streamed.status).toBe(200);
    expect(streamed.headers.get('x-ratelimit-limit-tokens')).toBe('100');
    expect(Number(streamed.headers.get('x-ratelimit-remaining-tokens'))).toBeLessThan(100);
    await streamed.text();
  });
});

function finishesOf(frames: readonly Frame[], index: number): string[] {
  return chunksOf(frames).flatMap(({ choices }) =>
    choices.flatMap((choice) => (choice.index === index ? (choice.finish_reason ?? []) : [])),
  );
}
