import { expect, test } from 'vitest';
import type { Inference, InferenceUsage } from '../../../src/contracts/inference.ts';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp } from '../../kit/app.ts';
import { createClient } from '../../kit/client.ts';
import { cancel, complete, create, createDocument, events } from '../../kit/completions.ts';
import { temporaryDatabase, whyNoPostgres } from '../../kit/database.ts';
import { createKey } from '../../kit/keys.ts';
import { usageRecords, viewerLimits } from '../../kit/usage.ts';
import { waitFor } from '../../kit/wait-for.ts';

const model = 'scripted';
const prompt = 'one two three four five six seven eight';
const noPostgres = await whyNoPostgres();

test.each([
  ['PGlite', false],
  ['PostgreSQL', true],
] as const)(
  'however completions end, what is billed is what was produced, and nothing stays reserved: %s',
  async (_name, shared) => {
    if (shared && noPostgres) return expect(noPostgres).toBeTruthy();
    await using database = shared ? await temporaryDatabase() : undefined;
    const scripted = createScriptedInference([{ name: model, slots: 3 }]);
    const produced: InferenceUsage[] = [];
    const inference: Inference = Object.assign(Object.create(scripted) as Inference, {
      async *generate(...work: Parameters<Inference['generate']>) {
        let billed = { promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0 };
        try {
          for await (const part of scripted.generate(...work)) {
            if (part.type === 'finished') billed = part.usage;
            // From its start on, the prompt was evaluated: it is billed, also where no token follows.
            if (part.type === 'started') billed = { ...billed, promptTokens: work[0].promptTokens.length };
            if (part.type === 'delta') {
              const tokens = part.choices.reduce((sum, choice) => sum + choice.tokens, 0);
              billed = { ...billed, completionTokens: billed.completionTokens + tokens };
            }
            yield part;
          }
        } finally {
          produced.push(billed);
        }
      },
    });
    await using app = await startApp({
      inference,
      config: { streams: { firstReaderSeconds: 0.3, graceSeconds: 0 } },
      ...(database ? { environment: { DATABASE_URL: database.url } } : {}),
    });
    const { secret } = await createKey(app.admin, {
      name: 'mixed',
      scopes: ['COMPLETIONS', 'USAGE_READ'],
      limits: { tokensPerDay: 1_000_000, tokensPerMonth: 1_000_000, concurrentCompletions: 64 },
    });
    const client = createClient(app.url, secret!);
    const background = async () => (await complete(client, { model, prompt, mode: 'BACKGROUND' })).id;

    const endings: readonly (() => Promise<unknown>)[] = [
      () => complete(client, { model, prompt }),
      () => complete(client, { model, prompt, n: 2, maxTokens: 3 }),
      async () => cancel(client, await background()),
      () => create(client, { model, prompt, timeoutSeconds: 0.05 }),
      () => complete(client, { model, prompt, mode: 'STREAM' }),
      () =>
        client.request(createDocument, { input: { model, prompt } }, AbortSignal.timeout(20)).catch(() => undefined),
      async () => {
        for await (const { __typename } of events(client, { id: await background() })) {
          if (__typename === 'CompletionStarted') scripted.crash();
        }
      },
    ];
    await Promise.all(Array.from({ length: 42 }, (_, index) => endings[index % endings.length]!()));

    const concurrent = async () =>
      (await viewerLimits(client)).find(({ name }) => name === 'CONCURRENT_COMPLETIONS')!.used;
    await waitFor('everything to end', async () => (await concurrent()) === '0', 30_000);
    const { edges, pageInfo } = await usageRecords(client, { first: 100 });
    expect(pageInfo.hasNextPage).toBe(false);
    const list = '{ completions(first: 100) { edges { node { id } } } }';
    const { completions } = await client.execute<{ completions: { edges: { node: { id: string } }[] } }>(list);
    const ids = completions.edges.map(({ node }) => node.id).sort();
    expect(edges.map(({ node }) => node.completion!.id).sort()).toEqual(ids);
    expect(ids.length).toBeGreaterThanOrEqual(36);
    expect(new Set(edges.map(({ node }) => node.status))).toEqual(new Set(['SUCCEEDED', 'FAILED', 'CANCELLED']));

    const billed = edges.reduce((sum, { node }) => sum + node.usage.promptTokens + node.usage.completionTokens, 0);
    expect(billed).toBe(produced.reduce((sum, usage) => sum + usage.promptTokens + usage.completionTokens, 0));
    for (const { name, used } of await viewerLimits(client)) {
      expect({ name, used }).toEqual({ name, used: name === 'CONCURRENT_COMPLETIONS' ? '0' : String(billed) });
    }
  },
);
