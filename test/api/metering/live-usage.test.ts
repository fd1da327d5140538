import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { type Client, expectNoErrors } from '../../kit/client.ts';
import { complete } from '../../kit/completions.ts';
import { changeProject } from '../../kit/projects.ts';
import { usageRecords } from '../../kit/usage.ts';
import { waitFor } from '../../kit/wait-for.ts';

const input = { model: 'scripted', prompt: 'alpha beta' };

describe('usage', () => {
  let app: TestApp;
  let reader: Client;
  let other: Client;

  beforeAll(async () => {
    const reply = () => 'one two three';
    app = await startApp({ inference: createScriptedInference([{ name: 'scripted', reply }]) });
    const { project } = await changeProject(app.admin, 'createProject', { name: 'elsewhere' });
    reader = await app.newClient({ scopes: ['COMPLETIONS', 'USAGE_READ'] });
    other = await app.newClient({ projectId: project!.id });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  /** The records of the completions, as they are listed; undefined while one is missing. */
  async function recordsOf(completions: readonly string[]): Promise<string[] | undefined> {
    const { edges } = await usageRecords(app.admin, { first: 100 });
    const found = completions.map((id) => edges.find(({ node }) => node.completion?.id === id)?.node.id);
    return found.every((id) => id !== undefined) ? found : undefined;
  }

  test('is told live, each record once, to those who may see it', async () => {
    const everything = follow(app.admin);
    const own = follow(reader);
    await waitFor('both subscriptions to be told something', async () => {
      await complete(reader, input);
      return everything.told.length > 0 && own.told.length > 0;
    });

    const [ofReader, ofOther]: [string[], string[]] = [[], []];
    for (let i = 0; i < 4; i++) {
      ofOther.push((await complete(other, input)).id);
      ofReader.push((await complete(reader, input)).id);
    }
    const visible = await waitFor('the records', () => recordsOf(ofReader));
    const hidden = await waitFor('the records', () => recordsOf(ofOther));
    const isTold = (told: readonly string[], ids: readonly string[]) => ids.every((id) => told.includes(id));
    await waitFor(
      'all to be told',
      () => isTold(everything.told, [...visible, ...hidden]) && isTold(own.told, visible),
    );
    for (const { told } of [everything, own]) expect(new Set(told).size).toBe(told.length);
    expect(own.told.filter((id) => hidden.includes(id))).toEqual([]);
    await Promise.all([everything.leave(), own.leave()]);
  });

  test('is reported by the minute as its records say, with percentiles within five percent of theirs', async () => {
    for (let i = 0; i < 5; i++) await complete(reader, input);
    const range = {
      from: new Date(Date.now() - 3_600_000).toISOString(),
      before: new Date(Date.now() + 1_000).toISOString(),
    };
    const percentileFields = 'timeToFirstTokenSeconds { p50 p95 } tokensPerSecond { p50 p95 }';
    const { usage, usageRecords } = await reader.execute<{
      usage: { buckets: (Measured & { start: string })[]; totals: Measured };
      usageRecords: { edges: { node: RecordTimes }[] };
    }>(
      `query ($input: UsageInput!) {
        usage(input: $input) { buckets { start requests ${percentileFields} } totals { requests ${percentileFields} } }
        usageRecords(first: 100) { edges { node { createdAt timings { timeToFirstTokenSeconds tokensPerSecond } } } } }`,
      { input: { range, granularity: 'MINUTE' } },
    );
    const records = usageRecords.edges.map(({ node }) => node);
    const minuteOf = ({ createdAt }: RecordTimes) => `${createdAt.slice(0, 16)}:00.000Z`;
    expect(usage.buckets.map(({ start }) => start)).toEqual([...new Set(records.map(minuteOf))].sort());
    for (const bucket of usage.buckets) {
      expectSays(
        bucket,
        records.filter((record) => minuteOf(record) === bucket.start),
      );
    }
    expectSays(usage.totals, records);
  });
});

interface RecordTimes {
  readonly createdAt: string;
  readonly timings: { readonly timeToFirstTokenSeconds: number | null; readonly tokensPerSecond: number | null };
}

interface Measured {
  readonly requests: string;
  readonly timeToFirstTokenSeconds: { readonly p50: number; readonly p95: number } | null;
  readonly tokensPerSecond: { readonly p50: number; readonly p95: number } | null;
}

function expectSays(measured: Measured, records: readonly RecordTimes[]): void {
  expect(measured.requests).toBe(String(records.length));
  for (const name of ['timeToFirstTokenSeconds', 'tokensPerSecond'] as const) {
    const values = records.flatMap(({ timings }) => timings[name] ?? []).sort((a, b) => a - b);
    expect(measured[name] === null).toBe(values.length === 0);
    for (const [percentile, share] of [['p50', 0.5] as const, ['p95', 0.95] as const]) {
      const exact = values[Math.ceil(values.length * share) - 1];
      if (exact === undefined) continue;
      const told = measured[name]![percentile];
      expect(Math.abs(told - exact), `${name} ${percentile}: ${told} for ${exact}`).toBeLessThanOrEqual(0.05 * exact);
    }
  }
}

/** The records that a subscription tells, by id, until it is left. */
function follow(client: Client) {
  const results = client.subscribe<{ usageEvents: { record: { id: string } } }>(
    'subscription { usageEvents { record { id } } }',
  );
  const told: string[] = [];
  const ended = (async () => {
    for await (const result of results) told.push(expectNoErrors(result).usageEvents.record.id);
  })();
  return {
    told: told as readonly string[],
    async leave() {
      await results.return!();
      await ended;
    },
  };
}
