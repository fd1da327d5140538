import type { ExecutionResult } from 'graphql';
import { expect, test } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp } from '../../kit/app.ts';
import { expectNoErrors } from '../../kit/client.ts';
import { complete } from '../../kit/completions.ts';
import { changeProject } from '../../kit/projects.ts';
import { usageRecords } from '../../kit/usage.ts';

interface Event {
  readonly usageEvents: { readonly record: { readonly id: string; readonly usage: object; readonly project: object } };
}

function shown(result: IteratorResult<ExecutionResult<Event>>): Event {
  return expectNoErrors(result.value as ExecutionResult<Event>);
}

test('usage is told live, each record once, to those who may see it; percentiles and minutes agree with it', async () => {
  const reply = () => 'one two three';
  await using app = await startApp({ inference: createScriptedInference([{ name: 'scripted', reply }]) });
  const { project } = await changeProject(app.admin, 'createProject', { name: 'elsewhere' });
  const reader = await app.newClient({ scopes: ['COMPLETIONS', 'USAGE_READ'] });
  const other = await app.newClient({ projectId: project!.id });
  const document = 'subscription { usageEvents { record { id usage { totalTokens } project { id } } } }';
  const input = { model: 'scripted', prompt: 'alpha beta' };

  const all = app.admin.subscribe<Event>(document);
  const own = reader.subscribe<Event>(document);
  const [first, ownFirst] = [all.next(), own.next()];
  let told: unknown;
  void ownFirst.then((result) => {
    told = result;
  });
  while (told === undefined) {
    await complete(other, input);
    await complete(reader, input);
  }
  const seen = shown(await ownFirst).usageEvents.record;
  const records = await usageRecords(reader, { first: 100 });
  expect(records.edges.map(({ node }) => node.id)).toContain(seen.id);
  expect(shown(await first).usageEvents.record.project).toBeDefined();
  const ids = [seen.id];
  while (ids.length < 3) {
    const next = own.next();
    await complete(other, input);
    await complete(reader, input);
    ids.push(shown(await next).usageEvents.record.id);
  }
  const ofReader = (await usageRecords(reader, { first: 100 })).edges.map(({ node }) => node.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(ofReader).toContain(id);
  await all.return!();
  await own.return!();

  const range = {
    from: new Date(Date.now() - 3_600_000).toISOString(),
    before: new Date(Date.now() + 1_000).toISOString(),
  };
  const report = `query ($input: UsageInput!) { usage(input: $input) { buckets { start requests tokensPerSecond { p50 p95 } }
    totals { requests timeToFirstTokenSeconds { p50 p95 } } } }`;
  const { usage } = await reader.execute<{
    usage: {
      buckets: { start: string; requests: string; tokensPerSecond: { p50: number; p95: number } }[];
      totals: { requests: string; timeToFirstTokenSeconds: { p50: number; p95: number } };
    };
  }>(report, { input: { range, granularity: 'MINUTE' } });
  for (const { start, tokensPerSecond } of usage.buckets) {
    expect(start).toMatch(/:00\.000Z$/u);
    expect(tokensPerSecond.p50).toBeLessThanOrEqual(tokensPerSecond.p95);
  }
  expect(usage.totals.timeToFirstTokenSeconds.p50).toBeLessThanOrEqual(usage.totals.timeToFirstTokenSeconds.p95);
  expect(usage.totals.requests).toBe(String(usage.buckets.reduce((sum, { requests }) => sum + Number(requests), 0)));
});
