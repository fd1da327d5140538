import { expect, test } from 'vitest';
import { createMemoryJobs } from '../../../../src/bus/memory/jobs.ts';
import { createMemoryTokenLog } from '../../../../src/bus/memory/token-log.ts';
import type { Claim } from '../../../../src/contracts/jobs.ts';
import type { CompletionStore } from '../../../../src/contracts/stores/completions.ts';
import type { LogEvent } from '../../../../src/contracts/token-log.ts';
import type { Checkpoints } from '../../../../src/domain/completions/checkpoints.ts';
import { createForeignEnds } from '../../../../src/domain/completions/foreign-ends.ts';
import { progressStart } from '../../../../src/domain/completions/progress.ts';
import { createRunner, type RunnerOptions } from '../../../../src/domain/completions/runner.ts';
import { createScriptedInference } from '../../../../src/inference/scripted.ts';
import { enqueue, forever, jobOf } from '../../../contract/jobs/suite.ts';
import { silentLog } from '../../../kit/database.ts';
import { waitFor } from '../../../kit/wait-for.ts';
import { completionWith } from '../../graphql/fixtures.ts';

const limits = { queueRequests: 10, queuePromptTokens: 1_000, queueSeconds: 60 };

/** A runner over a store that the test plays; nothing is settled but where the test does. */
function openRunner(completions: Partial<CompletionStore>, changes: Partial<RunnerOptions> = {}) {
  const jobs = createMemoryJobs({ limits, slots: () => 1, ready: () => true });
  const log = createMemoryTokenLog({ retention: { logSeconds: 60, logBytes: 1e6 } });
  const foreignEnds = createForeignEnds({ completions: completions as CompletionStore, log, logger: silentLog });
  const runner = createRunner({
    inference: createScriptedInference([{ name: 'scripted' }]),
    jobs,
    log,
    completions: completions as CompletionStore,
    checkpoints: { addRunning() {}, remove() {} } as Partial<Checkpoints> as Checkpoints,
    settle: () => Promise.reject(new Error('it is not ours to settle')),
    abandonment: { forget() {} },
    foreignEnds,
    logger: silentLog,
    signal: forever(),
    ...changes,
  });
  return {
    jobs,
    log,
    runner,
    async [Symbol.asyncDispose]() {
      for (const each of [runner, foreignEnds, log, jobs]) await each[Symbol.asyncDispose]();
    },
  };
}

test('readers of a completion that somebody else ended before it started here get that ending', async () => {
  const job = jobOf('taken', { model: 'scripted' });
  const id = job.completionId;
  const elsewhere = [completionWith({ id, status: 'RUNNING' }), completionWith({ id, status: 'FAILED', lastSeq: 9 })];
  const completions: Partial<CompletionStore> = { start: async () => false, find: async () => [elsewhere.shift()!] };
  const forgotten: string[] = [];
  await using opened = openRunner(completions, { abandonment: { forget: (one) => void forgotten.push(one) } });
  await opened.log.create(id, 0);
  const reader = await opened.log.read(id, 0, forever());
  await enqueue(opened.jobs, job);

  const seen: LogEvent[] = [];
  for await (const event of reader!) seen.push(event);
  expect(seen).toMatchObject([{ type: 'failed', seq: 9 }]);
  expect(forgotten).toEqual([id]);
});

test('what is reserved before the first delta lies beyond what dead processes handed out', async () => {
  const job = jobOf('taken over', { model: 'scripted', epoch: 2 });
  const marks: number[] = [];
  const addRunning: Checkpoints['addRunning'] = (_id, _epoch, progress) =>
    void marks.push(progress.gainSince(progressStart).mark.seq);
  const checkpoints = { addRunning, remove() {} } as Partial<Checkpoints> as Checkpoints;
  await using opened = openRunner({ start: async () => false, find: async () => [] }, { checkpoints });
  await opened.log.create(job.completionId, 2_000_000);
  await enqueue(opened.jobs, job);
  await waitFor('it to run', () => marks.length > 0);
  expect(marks[0]).toBeGreaterThanOrEqual(2_000_000);
});

test('a job begins when its model is ready, not while that is being loaded', async () => {
  const inference = createScriptedInference([{ name: 'scripted' }]);
  let ready = () => {};
  const loading = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const steps: string[] = [];
  const claimOf = (claim: Claim): Claim => ({ ...claim, began: () => void steps.push('began') });
  const jobs = createMemoryJobs({ limits, slots: () => 1, ready: () => true });
  await using _ = openRunner(
    { start: async () => false, find: async () => [] },
    {
      inference: { ...inference, prepare: () => loading },
      jobs: { ...jobs, claim: async (model, signal) => claimOf(await jobs.claim(model, signal)) },
      checkpoints: { addRunning: () => void steps.push('claimed'), remove() {} } as Partial<Checkpoints> as Checkpoints,
    },
  );
  await enqueue(jobs, jobOf('a', { model: 'scripted' }));
  await waitFor('it to be claimed', () => steps.length > 0);
  expect(steps).toEqual(['claimed']);
  ready();
  await waitFor('it to begin', () => steps.length > 1);
  expect(steps).toEqual(['claimed', 'began']);
});

test('a drain lets others work where something waits and nothing runs', async () => {
  await using opened = openRunner({ find: async () => [] }, { inference: createScriptedInference([]) });
  await enqueue(opened.jobs, jobOf('waits', { model: 'scripted' }));
  setTimeout(() => void opened.jobs.cancel(jobOf('waits').completionId, 'cancelled'), 0);
  await opened.runner.drain(forever());
});
