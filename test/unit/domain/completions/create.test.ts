import { expect, it } from 'vitest';
import { createMemoryJobs } from '../../../../src/bus/memory/jobs.ts';
import type { CompletionStore } from '../../../../src/contracts/stores/completions.ts';
import { type Store, StoreUnavailableError } from '../../../../src/contracts/stores/store.ts';
import { createCompletionCreator } from '../../../../src/domain/completions/create.ts';
import { createCreations } from '../../../../src/domain/completions/creations.ts';
import { createModels } from '../../../../src/domain/models/models.ts';
import { createScriptedInference } from '../../../../src/inference/scripted.ts';
import { principalWith } from '../../graphql/fixtures.ts';

function open(completions: Partial<CompletionStore>) {
  const store = completions as CompletionStore;
  const inference = createScriptedInference([{ name: 'scripted', contextSize: 4 }]);
  const limits = { queueRequests: 8, queuePromptTokens: 1_000, queueSeconds: 60 };
  const jobs = createMemoryJobs({ limits, slots: () => 1, ready: () => true });
  return createCompletionCreator({
    inference,
    jobs,
    store: { completions: store } as Partial<Store> as Store,
    models: createModels(inference),
    launch: () => Promise.reject(new Error('nothing was admitted')),
    creations: createCreations(store),
    limits: { maxN: 8, maxStop: 16, leaseSeconds: 60 },
    accepting: () => true,
  });
}

it('asks a database that is away once: a refusal takes no longer than that', async () => {
  let asked = 0;
  const away = async () => {
    asked += 1;
    throw new StoreUnavailableError('away');
  };
  const create = open({ admit: away, findByIdempotencyKey: away });
  const input = { model: 'scripted', prompt: 'alpha', idempotencyKey: 'key' };
  await expect(create(principalWith('COMPLETIONS'), input)).rejects.toMatchObject({ code: 'OVERLOADED' });
  expect(asked).toBe(1);
});

it.each([
  ['one two three four', undefined, 'Shorten the prompt.'],
  ['one two three four', 1, 'Shorten the prompt.'],
  ['one two', 3, 'Shorten the prompt or lower maxTokens.'],
])('advises only what helps where %j with maxTokens %s does not fit', async (prompt, maxTokens, advice) => {
  const refused = open({})(principalWith('COMPLETIONS'), { model: 'scripted', prompt, maxTokens });
  await expect(refused).rejects.toMatchObject({
    code: 'CONTEXT_LENGTH_EXCEEDED',
    message: expect.stringMatching(new RegExp(`holds 4 tokens\\. ${advice}$`, 'u')),
  });
});
