import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { type Client, createClient } from '../../kit/client.ts';
import { type CompletionView, cancel, complete, events, find } from '../../kit/completions.ts';
import { createKey } from '../../kit/keys.ts';
import { usageRecords } from '../../kit/usage.ts';
import { waitFor } from '../../kit/wait-for.ts';

const prompt = 'alpha beta gamma';
const price = { promptNanosPerToken: 1_000n, completionNanosPerToken: 3_000n };

describe('usage', () => {
  let inference: ScriptedInference;
  let app: TestApp;

  beforeAll(async () => {
    inference = createScriptedInference([
      { name: 'one', price, slots: 2 },
      { name: 'two', slots: 2 },
    ]);
    app = await startApp({ inference, config: { streams: { firstReaderSeconds: 0.2, graceSeconds: 0 } } });
  });
  beforeEach(() => inference.release());
  afterAll(() => app?.[Symbol.asyncDispose]());

  async function newCaller(): Promise<{ id: string; client: Client }> {
    const { apiKey, secret } = await createKey(app.admin, { name: 'caller', scopes: ['COMPLETIONS', 'USAGE_READ'] });
    return { id: apiKey!.id, client: createClient(app.url, secret!) };
  }

  const ended = (client: Client, id: string) =>
    waitFor('the end', async () => {
      const completion = await find(client, id);
      return completion && !['QUEUED', 'RUNNING'].includes(completion.status) && completion;
    });

  /** Runs a completion to an ending of the kind; what it is afterwards. */
  const endings: Record<string, (client: Client) => Promise<CompletionView>> = {
    'its own end': (client) => complete(client, { model: 'one', prompt }),
    'a stop sequence': (client) => complete(client, { model: 'one', prompt, stop: ['beta'] }),
    maxTokens: (client) => complete(client, { model: 'one', prompt, maxTokens: 1 }),
    async 'a cancellation'(client) {
      inference.hold();
      const { id } = await complete(client, { model: 'one', prompt, mode: 'BACKGROUND' });
      await waitFor('it to run', () => inference.running === 1);
      inference.allow(1);
      return (await cancel(client, id)).completion!;
    },
    async 'a cancellation in the line'(client) {
      inference.hold();
      const held = await Promise.all(
        [1, 2].map(() => complete(app.admin, { model: 'one', prompt, mode: 'BACKGROUND' })),
      );
      await waitFor('both to run', () => inference.running === 2);
      const { id } = await complete(client, { model: 'one', prompt, mode: 'BACKGROUND' });
      const cancelled = (await cancel(client, id)).completion!;
      for (const other of held) await cancel(app.admin, other.id);
      return cancelled;
    },
    async 'its deadline'(client) {
      inference.hold();
      return complete(client, { model: 'one', prompt, timeoutSeconds: 0.5 });
    },
    async 'a crash of its engine'(client) {
      inference.hold();
      const { id } = await complete(client, { model: 'one', prompt, mode: 'BACKGROUND' });
      for await (const event of events(client, { id })) if (event.__typename === 'CompletionStarted') inference.crash();
      return ended(client, id);
    },
    async 'a model that cannot be had'(client) {
      const { id } = await waitFor('an admitted one', async () => {
        inference.hold();
        const held = await Promise.all(
          [1, 2].map(() => complete(app.admin, { model: 'one', prompt, mode: 'BACKGROUND' })),
        );
        await waitFor('both to run', () => inference.running === 2);
        const waiting = await complete(client, { model: 'one', prompt, mode: 'BACKGROUND' });
        inference.breakModel('one', 'its file is gone');
        for (const other of held) await cancel(app.admin, other.id);
        return waiting;
      });
      const failed = await ended(client, id);
      inference.breakModel('one');
      return failed;
    },
    async 'nobody reading'(client) {
      inference.hold();
      const { id } = await complete(client, { model: 'one', prompt, mode: 'STREAM' });
      return ended(client, id);
    },
  };

  it.each([
    ['its own end', 'SUCCEEDED', 'STOP', null],
    ['a stop sequence', 'SUCCEEDED', 'STOP_SEQUENCE', null],
    ['maxTokens', 'SUCCEEDED', 'LENGTH', null],
    ['a cancellation', 'CANCELLED', 'CANCELLED', null],
    ['a cancellation in the line', 'CANCELLED', 'CANCELLED', null],
    ['its deadline', 'FAILED', 'TIMEOUT', 'TIMEOUT'],
    ['a crash of its engine', 'FAILED', 'ERROR', 'ENGINE_CRASHED'],
    ['a model that cannot be had', 'FAILED', 'ERROR', 'MODEL_UNAVAILABLE'],
    ['nobody reading', 'CANCELLED', 'CANCELLED', null],
  ])('is one record for a completion that ended by %s', async (ending, status, finishReason, errorCode) => {
    const { client } = await newCaller();
    const completion = await endings[ending]!(client);
    expect(completion).toMatchObject({ status, choices: [{ finishReason }] });
    const { edges } = await usageRecords(client, { first: 100 });
    const own = edges.filter(({ node }) => node.completion?.id === completion.id);
    expect(own).toHaveLength(1);
    const { promptTokens, completionTokens, cost } = completion.usage;
    expect(own[0]!.node).toMatchObject({
      status,
      finishReason,
      errorCode,
      model: 'one',
      usage: { promptTokens, completionTokens, cost },
    });
    expect(Number(cost)).toBeCloseTo((promptTokens * 1_000 + completionTokens * 3_000) / 1e9, 9);
    const { timeToFirstTokenSeconds, durationSeconds } = own[0]!.node.timings;
    expect(timeToFirstTokenSeconds !== null).toBe(completionTokens > 0);
    expect(durationSeconds).toBeGreaterThanOrEqual(timeToFirstTokenSeconds ?? 0);
  });

  it('is listed newest first, page by page, by key, user and model', async () => {
    const { id: apiKeyId, client } = await newCaller();
    for (const user of ['ann', 'bob', 'ann']) await complete(client, { model: 'two', prompt, user });
    const filter = { apiKeyId };
    const all = await usageRecords(client, { first: 100, filter });
    expect(all.edges.map(({ node }) => node.user)).toEqual(['ann', 'bob', 'ann']);
    const first = await usageRecords(client, { first: 2, filter });
    const rest = await usageRecords(client, { first: 2, filter, after: first.pageInfo.endCursor });
    expect([...first.edges, ...rest.edges]).toEqual(all.edges);
    expect([first, rest].map(({ pageInfo }) => pageInfo.hasNextPage)).toEqual([true, false]);
    expect((await usageRecords(client, { last: 2, filter })).edges).toEqual(all.edges.slice(1));
    expect((await usageRecords(client, { first: 9, filter: { ...filter, user: 'ann' } })).edges).toHaveLength(2);
    expect((await usageRecords(client, { first: 9, filter: { ...filter, model: 'one' } })).edges).toHaveLength(0);
  });

  it('is summed up in reports that equal the records, by model, key, user and time', async () => {
    const { id: apiKeyId, client } = await newCaller();
    const from = new Date(Date.now() - 3_600_000).toISOString();
    const before = new Date(Date.now() + 3_600_000).toISOString();
    await complete(client, { model: 'one', prompt, user: 'carol' });
    await complete(client, { model: 'two', prompt, user: 'dave' });
    await complete(client, { model: 'one', prompt: 'alpha', user: 'carol', maxTokens: 1 });
    const document = `query ($input: UsageInput!) { usage(input: $input) { currency
      totals { requests promptTokens completionTokens totalTokens errors cost }
      buckets { start model apiKeyId user requests promptTokens completionTokens totalTokens cost } } }`;
    const report = async (input: object) =>
      (
        await client.execute<{
          usage: { currency: string; totals: Record<string, string>; buckets: Record<string, string | null>[] };
        }>(document, { input: { range: { from, before }, ...input } })
      ).usage;
    const byModel = await report({ groupBy: ['API_KEY', 'MODEL'] });
    const own = byModel.buckets.filter((bucket) => bucket.apiKeyId === apiKeyId);
    expect(own).toHaveLength(2);
    expect(own.find(({ model }) => model === 'one')).toMatchObject({ requests: '2', promptTokens: '4', start: null });
    expect(own.find(({ model }) => model === 'two')).toMatchObject({ requests: '1', promptTokens: '3', cost: '0' });
    expect(byModel.currency).toBe('USD');

    const byUser = await report({ groupBy: ['USER'], granularity: 'DAY', timeZone: 'Asia/Kathmandu' });
    const carol = byUser.buckets.filter(({ user }) => user === 'carol');
    expect(carol.map(({ requests }) => Number(requests)).reduce((a, b) => a + b)).toBe(2);
    for (const { start } of carol) expect(start).toMatch(/T18:15:00\.000Z$/u);

    const { edges } = await usageRecords(client, { first: 100, filter: { from, before } });
    const sum = (pick: (node: (typeof edges)[number]['node']) => number) =>
      edges.map(({ node }) => pick(node)).reduce((a, b) => a + b);
    for (const { totals } of [byModel, byUser]) {
      expect(totals).toMatchObject({
        requests: String(edges.length),
        promptTokens: String(sum(({ usage }) => usage.promptTokens)),
        completionTokens: String(sum(({ usage }) => usage.completionTokens)),
        errors: String(sum(({ status }) => Number(status === 'FAILED'))),
      });
      expect(Number(totals.cost)).toBeCloseTo(
        sum(({ usage }) => Number(usage.cost)),
        9,
      );
    }
  });

  it.each([
    ['an empty range', { range: { from: '2026-01-02T00:00:00Z', before: '2026-01-01T00:00:00Z' } }, 'before'],
    ['a range of ten years', { range: { from: '2016-01-01T00:00:00Z', before: '2026-01-01T00:00:00Z' } }, 'from'],
    ['an unknown time zone', { timeZone: 'Mars/Olympus' }, 'timeZone'],
    ['an offset in place of a time zone', { timeZone: '+05:00' }, 'timeZone'],
    ['the abbreviation of a time zone', { timeZone: 'CTT' }, 'timeZone'],
  ])('is not reported for %s', async (_name, input, field) => {
    const range = { from: '2026-01-01T00:00:00Z', before: '2026-01-02T00:00:00Z' };
    const { errors } = await app.admin.request('query ($input: UsageInput!) { usage(input: $input) { currency } }', {
      input: { range, ...input },
    });
    expect(errors?.[0]).toMatchObject({ extensions: { code: 'INVALID_INPUT', issues: [{ path: [field] }] } });
  });
});
