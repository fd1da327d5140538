import { expect, it } from 'vitest';
import { createMemoryJobs } from '../../../../src/bus/memory/jobs.ts';
import type { CompletionStore } from '../../../../src/contracts/stores/completions.ts';
import { type Store, StoreUnavailableError } from '../../../../src/contracts/stores/store.ts';
import { createCompletionCreator } from '../../../../src/domain/completions/create.ts';
import { createCreations } from '../../../../src/domain/completions/creations.ts';
import { createModels } from '../../../../src/domain/models/models.ts';
import { createScriptedInference } from '../../../../src/inference/scripted.ts';
import { principalWith } from '../../graphql/fixtures.ts';

it('asks a database that is away once: a refusal takes no longer than that', async () => {
  let asked = 0;
  const away = async () => {
    asked += 1;
    throw new StoreUnavailableError('away');
  };
  const completions = { admit: away, findByIdempotencyKey: away } as Partial<CompletionStore> as CompletionStore;
  await using inference = createScriptedInference();
  const limits = { queueRequests: 8, queuePromptTokens: 1_000, queueSeconds: 60 };
  await using jobs = createMemoryJobs({ limits, slots: () => 1 });
  const create = createCompletionCreator({
    inference,
    jobs,
    store: { completions } as Partial<Store> as Store,
    models: createModels(inference),
    launch: () => Promise.reject(new Error('nothing was admitted')),
    creations: createCreations(completions),
    limits: { maxN: 8, maxStop: 16, leaseSeconds: 60 },
    accepting: () => true,
  });
  const input = { model: 'scripted', prompt: 'alpha', idempotencyKey: 'key' };
  await expect(create(principalWith('COMPLETIONS'), input)).rejects.toMatchObject({ code: 'OVERLOADED' });
  expect(asked).toBe(1);
});
