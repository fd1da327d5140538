import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../../src/inference/scripted.ts';
import type { TestApp } from '../../kit/app.ts';
import { type Client, createClient } from '../../kit/client.ts';
import { allEvents, cancel, complete, create, textOf } from '../../kit/completions.ts';
import { describeOnEveryStore } from '../../kit/every-store.ts';
import { createKey } from '../../kit/keys.ts';
import { changeProject } from '../../kit/projects.ts';
import { usageRecords, viewerLimits } from '../../kit/usage.ts';
import { waitFor } from '../../kit/wait-for.ts';

const model = 'scripted';
const prompt = 'alpha beta gamma';
const clients = 24;

describeOnEveryStore('an idempotencyKey', (startApp) => {
  let inference: ScriptedInference;
  let app: TestApp;
  let client: Client;

  beforeAll(async () => {
    inference = createScriptedInference([{ name: model, aliases: ['alias'], slots: 4 }]);
    app = await startApp({ inference });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    inference.release();
    // Room for one: a second generation, or a second charge, would be refused.
    const limits = { requestsPerMinute: 1, tokensPerDay: 13, concurrentCompletions: 1 };
    const { project } = await changeProject(app.admin, 'createProject', { name: randomUUID() });
    const scopes = ['COMPLETIONS', 'USAGE_READ'];
    const { secret } = await createKey(app.admin, { name: 'caller', scopes, limits, projectId: project!.id });
    client = createClient(app.url, secret!);
  });

  const together = <T>(ask: (index: number) => Promise<T>) =>
    Promise.all(Array.from({ length: clients }, (_, index) => ask(index)));

  async function expectOneCharge(id: string, tokens: number): Promise<void> {
    const { edges } = await usageRecords(client, { first: 100 });
    expect(edges.map(({ node }) => node.completion!.id)).toEqual([id]);
    const used = Object.fromEntries((await viewerLimits(client)).map(({ name, used }) => [name, used]));
    expect(used).toMatchObject({ TOKENS_PER_DAY: String(tokens), CONCURRENT_COMPLETIONS: '0' });
  }

  it.each(['WAIT', 'STREAM', 'BACKGROUND'])(
    `of ${clients} requests at the same moment is one generation and one charge, in mode %s`,
    async (mode) => {
      const before = inference.jobs.length;
      const input = { model, prompt, maxTokens: 10, mode, idempotencyKey: 'same' };
      // The alias and the default written out are the same input.
      const answers = await together((index) =>
        complete(client, index % 2 ? input : { ...input, model: 'alias', n: 1 }),
      );
      const id = answers[0]!.id;
      expect(new Set(answers.map((answer) => answer.id))).toEqual(new Set([id]));
      expect(textOf(await allEvents(client, { idempotencyKey: 'same' }))).toBe(prompt);
      expect(inference.jobs.length - before).toBe(1);
      await expectOneCharge(id, 7);
    },
  );

  it('with another input at the same moment conflicts, and neither runs nor costs', async () => {
    const before = inference.jobs.length;
    inference.hold();
    const input = { model, maxTokens: 10, mode: 'BACKGROUND', idempotencyKey: 'contested' };
    const answers = await together((index) => create(client, { ...input, prompt: `alpha beta ${index % 2}` }));
    const winners = answers.flatMap(({ completion }) => completion ?? []);
    expect(winners).toHaveLength(clients / 2);
    expect(new Set(winners.map(({ id }) => id)).size).toBe(1);
    for (const { __typename, code } of answers.filter(({ completion }) => !completion)) {
      expect({ __typename, code }).toEqual({ __typename: 'IdempotencyConflictError', code: 'IDEMPOTENCY_CONFLICT' });
    }
    const { id } = winners[0]!;
    await waitFor('it to run', () => inference.running === 1);
    await cancel(client, id);
    expect(inference.jobs.length - before).toBe(1);
    await expectOneCharge(id, 3);
  });

  it('stands for its completion whatever became of it: one that failed is answered, not run again', async () => {
    const before = inference.jobs.length;
    inference.hold();
    const input = { model, prompt, maxTokens: 10, timeoutSeconds: 0.2, idempotencyKey: 'failed' };
    const failed = await complete(client, input);
    expect(failed).toMatchObject({ status: 'FAILED', error: { code: 'TIMEOUT' } });
    inference.release();
    for (const again of await together(() => complete(client, input))) expect(again).toEqual(failed);
    expect(inference.jobs.length - before).toBe(1);
    await expectOneCharge(failed.id, failed.usage.totalTokens);
  });
});
