import { expect, test } from 'vitest';
import { createMemoryJobs } from '../../../../src/bus/memory/jobs.ts';
import { createMemoryTokenLog } from '../../../../src/bus/memory/token-log.ts';
import type { CompletionStore } from '../../../../src/contracts/stores/completions.ts';
import type { LogEvent } from '../../../../src/contracts/token-log.ts';
import { createRunner } from '../../../../src/domain/completions/runner.ts';
import { createScriptedInference } from '../../../../src/inference/scripted.ts';
import { enqueue, forever, jobOf } from '../../../contract/jobs/suite.ts';
import { silentLog } from '../../../kit/database.ts';
import { completionWith } from '../../graphql/fixtures.ts';

test('readers of a completion that somebody else ended before it started here get that ending', async () => {
  const job = jobOf('taken', { model: 'scripted' });
  const id = job.completionId;
  const inference = createScriptedInference([{ name: 'scripted' }]);
  const jobs = createMemoryJobs({
    limits: { queueRequests: 10, queuePromptTokens: 1_000, queueSeconds: 60 },
    slots: () => 1,
  });
  await using log = createMemoryTokenLog({ retention: { logSeconds: 60, logBytes: 1e6 } });
  const elsewhere = [completionWith({ id, status: 'RUNNING' }), completionWith({ id, status: 'FAILED', lastSeq: 9 })];
  const completions = { start: async () => false, find: async () => [elsewhere.shift()] } as unknown as CompletionStore;
  const forgotten: string[] = [];
  await using _runner = createRunner({
    inference,
    jobs,
    log,
    completions,
    checkpoints: { addRunning() {}, remove() {} } as never,
    settle: () => Promise.reject(new Error('it is not ours to settle')),
    abandonment: { forget: (one) => void forgotten.push(one) },
    logger: silentLog,
    signal: forever(),
  });
  await log.create(id, 0);
  const reader = await log.read(id, 0, forever());
  await enqueue(jobs, job);

  const seen: LogEvent[] = [];
  for await (const event of reader!) seen.push(event);
  expect(seen).toMatchObject([{ type: 'failed', seq: 9 }]);
  expect(forgotten).toEqual([id]);
});
