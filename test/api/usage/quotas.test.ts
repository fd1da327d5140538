import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../../src/inference/scripted.ts';
import type { TestApp } from '../../kit/app.ts';
import { type Client, createClient } from '../../kit/client.ts';
import { cancel, complete, create, type EventView, events, find, refusal } from '../../kit/completions.ts';
import { describeOnEveryStore } from '../../kit/every-store.ts';
import { createKey } from '../../kit/keys.ts';
import { usageRecords, viewerLimits } from '../../kit/usage.ts';
import { waitFor } from '../../kit/wait-for.ts';

const model = 'scripted';
const prompt = 'alpha beta gamma';
const price = { promptNanosPerToken: 0n, completionNanosPerToken: 1_000_000n };

describeOnEveryStore('limits', (startApp) => {
  let inference: ScriptedInference;
  let app: TestApp;

  beforeAll(async () => {
    inference = createScriptedInference([
      { name: model, slots: 4, defaultMaxTokens: 16, price },
      { name: 'narrow', slots: 1 },
    ]);
    app = await startApp({ inference, config: { limits: { maxN: 3 } } });
  });
  beforeEach(() => inference.release());
  afterAll(() => app?.[Symbol.asyncDispose]());

  async function limited(limits: object): Promise<Client> {
    const { secret, message } = await createKey(app.admin, {
      name: 'limited',
      scopes: ['COMPLETIONS', 'USAGE_READ'],
      limits,
    });
    expect(message).toBeUndefined();
    return createClient(app.url, secret!);
  }

  const secondsUntil = (time: string | null | undefined) => (Date.parse(time ?? '') - Date.now()) / 1_000;

  const usedOf = async (client: Client, name: string) =>
    (await viewerLimits(client)).find((limit) => limit.name === name)?.used;

  const ended = (client: Client, id: string) =>
    waitFor('the end', async () => {
      const completion = await find(client, id);
      return completion && !['QUEUED', 'RUNNING'].includes(completion.status) && completion;
    });

  it('refuse what does not fit in the day, with every fact a client needs', async () => {
    const client = await limited({ tokensPerDay: 10 });
    const spent = await complete(client, { model, prompt, maxTokens: 5 });
    expect(spent.usage.totalTokens).toBe(7);
    const refused = await refusal(client, { model, prompt, maxTokens: 1 });
    expect(refused).toMatchObject({
      __typename: 'QuotaExceededError',
      code: 'QUOTA_EXCEEDED',
      limitName: 'TOKENS_PER_DAY',
      limitScope: 'API_KEY',
      limit: '10',
      used: '7',
      message: expect.stringMatching(/tokensPerDay of 10 has 7 taken, and this request needs 4/u),
    });
    expect(refused.resetsAt).toMatch(/T00:00:00\.000Z$/u);
    expect(secondsUntil(refused.resetsAt)).toBeGreaterThan(0);
    expect(secondsUntil(refused.resetsAt)).toBeLessThanOrEqual(86_400);
    expect(refused.retryAfterSeconds).toBeGreaterThan(0);
    // Refused requests take nothing.
    expect(await viewerLimits(client)).toEqual([
      { name: 'TOKENS_PER_DAY', scope: 'API_KEY', limit: '10', used: '7', remaining: '3', resetsAt: refused.resetsAt },
    ]);
  });

  it('say so where a request alone is larger than the limit', async () => {
    const client = await limited({ tokensPerDay: 10 });
    const refused = await refusal(client, { model, prompt, maxTokens: 8 });
    expect(refused.message).toMatch(/alone is larger than the limit: lower maxTokens/u);
  });

  it('lower an omitted maxTokens to what is left, for all choices together, serve it and say so', async () => {
    const client = await limited({ tokensPerDay: 9 });
    const lowered = await complete(client, { model, prompt, n: 2 });
    expect(lowered).toMatchObject({
      status: 'SUCCEEDED',
      maxTokens: 3,
      choices: [{ finishReason: 'LENGTH' }, { finishReason: 'LENGTH' }],
      usage: { promptTokens: 3, completionTokens: 6 },
    });
    expect(await usedOf(client, 'TOKENS_PER_DAY')).toBe('9');
    expect(await refusal(client, { model, prompt })).toMatchObject({ code: 'QUOTA_EXCEEDED', used: '9' });
  });

  it.each([
    ['tokensPerDay', { tokensPerDay: 4 }],
    ['tokensPerMonth', { tokensPerMonth: 4 }],
    ['tokensPerMinute', { tokensPerMinute: 4 }],
    ['costPerMonth', { costPerMonth: '0.001' }],
  ])('give the last token of %s to one of two requests that come together', async (_name, limits) => {
    inference.hold();
    const client = await limited(limits);
    const input = { model, prompt, maxTokens: 1, mode: 'BACKGROUND' };
    const answers = await Promise.all([create(client, input), create(client, input)]);
    expect(answers.filter(({ completion }) => completion)).toHaveLength(1);
    const refused = answers.find(({ code }) => code !== undefined)!;
    expect(refused).toMatchObject({ code: expect.stringMatching(/^(QUOTA_EXCEEDED|RATE_LIMITED)$/u) });
    expect(refused.used).toBe(refused.limit);
    expect(secondsUntil(refused.resetsAt)).toBeGreaterThan(0);
    await cancel(client, answers.find(({ completion }) => completion)!.completion!.id);
  });

  it('give everything back after an error before anything was evaluated', async () => {
    const client = await limited({ tokensPerDay: 13, concurrentCompletions: 1 });
    const input = { model: 'narrow', prompt, maxTokens: 10, mode: 'BACKGROUND' };
    inference.hold();
    const ahead = await complete(app.admin, input);
    await waitFor('the slot to be taken', () => inference.running === 1);
    const { id } = await complete(client, input);
    expect(await usedOf(client, 'TOKENS_PER_DAY')).toBe('13');
    inference.breakModel('narrow', 'its file is gone');
    await cancel(app.admin, ahead.id);
    const failed = await ended(client, id);
    expect(failed).toMatchObject({ status: 'FAILED', error: { code: 'MODEL_UNAVAILABLE' }, usage: { totalTokens: 0 } });
    inference.breakModel('narrow');
    expect(await usedOf(client, 'TOKENS_PER_DAY')).toBe('0');
    // The whole of the limit is there for the next.
    const next = await complete(client, input);
    expect((await cancel(client, next.id)).completion).toMatchObject({ status: 'CANCELLED' });
  });

  it('keep of an error before the first token what was evaluated: the prompt', async () => {
    const client = await limited({ tokensPerDay: 1_000 });
    inference.hold();
    const { id } = await complete(client, { model, prompt, maxTokens: 500, mode: 'BACKGROUND' });
    for await (const event of events(client, { id })) if (event.__typename === 'CompletionStarted') inference.crash();
    expect(await ended(client, id)).toMatchObject({
      status: 'FAILED',
      error: { code: 'ENGINE_CRASHED' },
      usage: { promptTokens: 3, completionTokens: 0 },
    });
    expect(await usedOf(client, 'TOKENS_PER_DAY')).toBe('3');
  });

  it('count a cancelled stream as it was produced: neither nothing nor what was reserved', async () => {
    const client = await limited({ tokensPerDay: 1_000 });
    inference.hold();
    const { id } = await complete(client, { model, prompt, maxTokens: 500, mode: 'STREAM' });
    const seen: EventView[] = [];
    for await (const event of events(client, { id })) {
      seen.push(event);
      if (event.__typename === 'CompletionStarted') inference.allow(2);
      if (event.text?.includes('beta')) await cancel(client, id);
    }
    const usage = { promptTokens: 3, completionTokens: 2 };
    expect(seen.at(-1)).toMatchObject({ __typename: 'CompletionCancelled', completion: { usage } });
    expect(await usedOf(client, 'TOKENS_PER_DAY')).toBe('5');
    const { edges } = await usageRecords(client, { first: 100 });
    const own = edges.filter(({ node }) => node.completion!.id === id);
    expect(own).toMatchObject([{ node: { status: 'CANCELLED', usage: { ...usage, cost: '0.002' } } }]);
  });

  it('are not stepped around by n: above limits.maxN it is refused, typed, and takes nothing', async () => {
    const client = await limited({ tokensPerDay: 1_000, requestsPerMinute: 1 });
    const refused = await refusal(client, { model, prompt, n: 4, maxTokens: 1 });
    expect(refused).toMatchObject({
      __typename: 'InvalidInputError',
      code: 'INVALID_INPUT',
      issues: [{ path: ['n'], code: 'too_big', message: expect.stringContaining('<=3') }],
    });
    expect((await viewerLimits(client)).map(({ used }) => used)).toEqual(['0', '0']);
    expect((await complete(client, { model, prompt, n: 3, maxTokens: 1 })).usage.completionTokens).toBe(3);
  });

  it('reserve the worst case while it runs, and give back what was not used', async () => {
    const client = await limited({ tokensPerDay: 100 });
    inference.hold();
    const { id } = await complete(client, { model, prompt, maxTokens: 20, n: 2, mode: 'BACKGROUND' });
    expect(await usedOf(client, 'TOKENS_PER_DAY')).toBe('43');
    inference.release();
    const total = await waitFor('the end', async () => {
      const completion = await find(client, id);
      return completion?.status === 'SUCCEEDED' && completion.usage.totalTokens;
    });
    expect(await usedOf(client, 'TOKENS_PER_DAY')).toBe(String(total));
  });

  it('take nothing for a completion that is repeated by its idempotencyKey', async () => {
    const client = await limited({ requestsPerMinute: 1, tokensPerDay: 100 });
    const input = { model, prompt, idempotencyKey: 'again' };
    const first = await complete(client, input);
    expect(await complete(client, input)).toEqual(first);
    expect(await usedOf(client, 'TOKENS_PER_DAY')).toBe(String(first.usage.totalTokens));
  });

  it('consume no idempotencyKey with a refusal', async () => {
    const client = await limited({ tokensPerDay: 5 });
    const idempotencyKey = 'refused first';
    await refusal(client, { model, prompt, maxTokens: 9, idempotencyKey });
    expect((await complete(client, { model, prompt, maxTokens: 2, idempotencyKey })).status).toBe('SUCCEEDED');
  });

  it.each([
    ['requestsPerMinute', 'REQUESTS_PER_MINUTE', { requestsPerMinute: 2 }],
    ['tokensPerMinute', 'TOKENS_PER_MINUTE', { tokensPerMinute: 20 }],
  ])('per minute refuse with RATE_LIMITED: %s', async (_name, limitName, limits) => {
    const client = await limited(limits);
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push(await create(client, { model, prompt, maxTokens: 6 }));
    const refused = answers.filter(({ code }) => code !== undefined);
    expect(answers[0]!.completion).toBeDefined();
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) {
      expect(error).toMatchObject({ __typename: 'RateLimitedError', limitName, limitScope: 'API_KEY' });
      expect(error.retryAfterSeconds).toBeGreaterThan(0);
      expect(error.retryAfterSeconds).toBeLessThanOrEqual(60);
      expect(secondsUntil(error.resetsAt)).toBeGreaterThan(0);
    }
  });

  it('of money per month count in the currency, to the last nano', async () => {
    const client = await limited({ costPerMonth: '0.01' });
    const { usage } = await complete(client, { model, prompt, maxTokens: 4 });
    expect(usage.cost).toBe('0.004');
    expect(await refusal(client, { model, prompt, maxTokens: 7 })).toMatchObject({
      limitName: 'COST_PER_MONTH',
      limit: '0.01',
      used: '0.004',
    });
    expect((await complete(client, { model, prompt, maxTokens: 6, stop: ['alpha'] })).usage.cost).toBe('0.001');
  });

  it('of concurrency free themselves the moment a completion ends', async () => {
    const client = await limited({ concurrentCompletions: 2 });
    inference.hold();
    const input = { model, prompt, mode: 'BACKGROUND' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => create(client, input)));
    const admitted = answers.flatMap(({ completion }) => completion ?? []);
    expect(admitted).toHaveLength(2);
    expect(answers.find(({ code }) => code)).toMatchObject({
      code: 'RATE_LIMITED',
      limitName: 'CONCURRENT_COMPLETIONS',
      limit: '2',
      used: '2',
    });
    await cancel(client, admitted[0]!.id);
    expect((await create(client, input)).completion).toBeDefined();
    expect(await refusal(client, input)).toMatchObject({ limitName: 'CONCURRENT_COMPLETIONS' });
    inference.release();
  });
});
