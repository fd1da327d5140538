import { expect, test } from 'vitest';
import { createMemoryTokenLog } from '../../../../src/bus/memory/token-log.ts';
import type { CompletionStore } from '../../../../src/contracts/stores/completions.ts';
import type { Creations } from '../../../../src/domain/completions/creations.ts';
import { createReadEvents } from '../../../../src/domain/completions/events.ts';
import { forever } from '../../../contract/jobs/suite.ts';
import { completionWith, principalWith } from '../../graphql/fixtures.ts';

test('who reads a completion that waits for its recovery is told when to try again', async () => {
  await using log = createMemoryTokenLog({ retention: { logSeconds: 60, logBytes: 1e6 } });
  const completion = completionWith({ status: 'RUNNING' });
  const completions: Partial<CompletionStore> = { find: async () => [completion] };
  const read = createReadEvents({
    completions: completions as CompletionStore,
    log,
    creations: {} as Creations,
    pipelineWaitSeconds: 0,
  });
  const target = { type: 'known', completion } as const;
  await expect(read(principalWith('COMPLETIONS'), target, 0, forever())).rejects.toMatchObject({
    code: 'OVERLOADED',
    message: 'The completion is being recovered. Try again in 1 s.',
    facts: { retryAfterSeconds: 1 },
  });
});
