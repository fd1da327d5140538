import { expect, test } from 'vitest';
import { startApp } from '../../kit/app.ts';
import { complete, create } from '../../kit/completions.ts';
import { generate, job } from '../../kit/generate.ts';
import { modelConfig, openInference, starterModel } from '../../kit/models.ts';
import { pooledModel } from '../../kit/pool.ts';
import { isReady } from '../../kit/server-process.ts';
import { usageRecords, viewerLimits } from '../../kit/usage.ts';
import { waitFor } from '../../kit/wait-for.ts';

const sequences = 2;
const maxTokens = 60;
const prompt = 'Once upon a time there was';
const offered = 40;

test('ten times too much is refused without the engine, and what was admitted is served', async () => {
  const settings = { sequences, gpuLayers: 0 };
  const inference = openInference(
    [modelConfig(starterModel, settings), modelConfig({ ...starterModel, name: 'other' }, settings)],
    { timing: { hangSeconds: 60 } },
  );
  await inference.preload();
  const queueSeconds = await serviceSeconds(inference);
  await using app = await startApp({ inference, config: { limits: { queueSeconds } } });
  const client = await app.newClient({ limits: { tokensPerDay: 1_000_000, concurrentCompletions: 1_000 } });
  const neighbour = await app.newClient();
  const ask = () => create(client, { model: 'starter', prompt, maxTokens });
  const warmUp = await Promise.all([ask(), ask()]);

  const [engine] = inference.processIds().engines;
  process.kill(engine!, 'SIGSTOP');
  let refusals = 0;
  const answers = Promise.all(
    Array.from({ length: offered }, async () => {
      const answer = await ask();
      if (answer.completion === undefined) refusals += 1;
      return answer;
    }),
  );
  // Nothing can be admitted for want of a slot while the engine stands still: what has no answer yet was admitted.
  const admitted = await waitFor(
    'every request to be admitted or refused',
    async () => {
      const { waiting, replicas } = await pooledModel(app.admin, 'starter');
      const placed = waiting + replicas[0]!.slotsBusy;
      return placed + refusals === offered && placed;
    },
    50_000,
  );
  expect(admitted).toBeGreaterThanOrEqual(sequences);
  expect(admitted).toBeLessThanOrEqual(4 * sequences);
  expect(await isReady(app.url)).toBe(true);
  await complete(neighbour, { model: 'other', prompt, maxTokens });
  process.kill(engine!, 'SIGCONT');

  const completions = [...warmUp, ...(await answers)].flatMap(({ completion }) => completion ?? []);
  for (const { status, usage } of completions) {
    expect(status).toBe('SUCCEEDED');
    expect(usage.completionTokens).toBeGreaterThan(0);
  }
  expect(completions).toHaveLength(warmUp.length + admitted);
  for (const answer of (await answers).filter(({ completion }) => completion === undefined)) {
    expect(answer).toMatchObject({ __typename: 'OverloadedError', code: 'OVERLOADED' });
    expect(answer.retryAfterSeconds).toBeGreaterThanOrEqual(1);
  }

  // Nothing is left of the rush: neither of what was served nor of what was refused.
  const spent = completions.reduce((sum, { usage }) => sum + usage.totalTokens, 0);
  const used = Object.fromEntries((await viewerLimits(client)).map((limit) => [limit.name, limit.used]));
  expect(used).toMatchObject({ CONCURRENT_COMPLETIONS: '0', TOKENS_PER_DAY: String(spent) });
  const { edges } = await usageRecords(app.admin, { first: 100, filter: { model: 'starter' } });
  expect(edges).toHaveLength(completions.length);
  const { waiting, replicas } = await pooledModel(app.admin, 'starter');
  expect({ waiting, slotsBusy: replicas[0]!.slotsBusy }).toEqual({ waiting: 0, slotsBusy: 0 });
  await complete(client, { model: 'starter', prompt, maxTokens });
});

/** How long the engine takes for a request when all its slots are in use. */
async function serviceSeconds(inference: ReturnType<typeof openInference>): Promise<number> {
  const { tokens } = await inference.tokenize('starter', { type: 'text', text: prompt });
  const began = performance.now();
  await Promise.all(
    Array.from({ length: sequences }, () => generate(inference, job('starter', tokens, { maxTokens }))),
  );
  return (performance.now() - began) / 1_000;
}
