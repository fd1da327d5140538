import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { type Client, createClient } from '../../kit/client.ts';
import { cancel, complete, create, find, refusal } from '../../kit/completions.ts';
import { createKey } from '../../kit/keys.ts';
import { viewerLimits } from '../../kit/usage.ts';
import { waitFor } from '../../kit/wait-for.ts';

const model = 'scripted';
const prompt = 'alpha beta gamma';
const price = { promptNanosPerToken: 0n, completionNanosPerToken: 1_000_000n };

describe('limits', () => {
  let inference: ScriptedInference;
  let app: TestApp;

  beforeAll(async () => {
    inference = createScriptedInference([{ name: model, slots: 4, defaultMaxTokens: 16, price }]);
    app = await startApp({ inference });
  });
  beforeEach(() => inference.release());
  afterAll(() => app?.[Symbol.asyncDispose]());

  async function limited(limits: object): Promise<Client> {
    const { secret, message } = await createKey(app.admin, { name: 'limited', scopes: ['COMPLETIONS'], limits });
    expect(message).toBeUndefined();
    return createClient(app.url, secret!);
  }

  const usedOf = async (client: Client, name: string) =>
    (await viewerLimits(client)).find((limit) => limit.name === name)?.used;

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
    const midnight = new Date();
    midnight.setUTCHours(24, 0, 0, 0);
    expect(Math.abs(Date.parse(refused.resetsAt!) - midnight.getTime())).toBeLessThanOrEqual(86_400_000);
    expect(refused.resetsAt).toMatch(/T00:00:00\.000Z$/u);
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

  it('lower an omitted maxTokens to what is left, for all choices together', async () => {
    const client = await limited({ tokensPerDay: 9 });
    inference.hold();
    const lowered = await complete(client, { model, prompt, n: 2, mode: 'BACKGROUND' });
    expect(lowered.maxTokens).toBe(3);
    expect(await usedOf(client, 'TOKENS_PER_DAY')).toBe('9');
    await cancel(client, lowered.id);
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

  it('admit exactly as many of 64 concurrent requests as there is room for', async () => {
    const room = 7;
    const client = await limited({ tokensPerDay: room * 13 + 12, concurrentCompletions: 64 });
    inference.hold();
    const input = { model, prompt, maxTokens: 10, mode: 'BACKGROUND' };
    const answers = await Promise.all(Array.from({ length: 64 }, () => create(client, input)));
    const admitted = answers.flatMap(({ completion }) => completion ?? []);
    expect(admitted).toHaveLength(room);
    expect(new Set(answers.flatMap(({ code }) => code ?? []))).toEqual(new Set(['QUOTA_EXCEEDED']));
    expect(await usedOf(client, 'TOKENS_PER_DAY')).toBe(String(room * 13));
    inference.release();
    let total = 0;
    for (const { id } of admitted) {
      total += await waitFor('the end', async () => {
        const completion = await find(client, id);
        return completion?.status === 'SUCCEEDED' && completion.usage.totalTokens;
      });
    }
    expect(await usedOf(client, 'TOKENS_PER_DAY')).toBe(String(total));
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
