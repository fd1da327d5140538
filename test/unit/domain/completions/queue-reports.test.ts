import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createMemoryJobs } from '../../../../src/bus/memory/jobs.ts';
import type { CompletionId } from '../../../../src/contracts/ids.ts';
import type { AppendableEvent, TokenLog } from '../../../../src/contracts/token-log.ts';
import { createQueueReports } from '../../../../src/domain/completions/queue-reports.ts';
import { enqueue, forever, jobOf, model, roomy } from '../../../contract/jobs/suite.ts';
import { silentLog } from '../../../kit/database.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

interface Told {
  readonly position: number;
  readonly at: number;
}

function open() {
  const jobs = createMemoryJobs({ limits: roomy.limits, slots: () => 1, ready: () => true });
  const told = new Map<string, Told[]>();
  const append = async (id: CompletionId, _epoch: number, event: AppendableEvent) => {
    if (event.type !== 'queued') throw new Error('only positions are reported');
    const before = told.get(id) ?? [];
    told.set(id, [...before, { position: event.position, at: Date.now() }]);
    return before.length + 1;
  };
  const log = { append } as Partial<TokenLog> as TokenLog;
  const reports = createQueueReports({ jobs, log, logger: silentLog });
  return {
    come: async (name: string) => reports.reportFirst(await enqueue(jobs, jobOf(name))),
    next: () => jobs.claim(model, forever()),
    toldOf: (name: string) => told.get(name) ?? [],
    async [Symbol.asyncDispose]() {
      reports[Symbol.dispose]();
      await jobs[Symbol.asyncDispose]();
    },
  };
}

test('a completion that stays where it came into the line is told its position once', async () => {
  await using line = open();
  for (const name of ['a', 'b', 'c']) await line.come(name);
  await vi.advanceTimersByTimeAsync(5_000);
  for (const [position, name] of ['a', 'b', 'c'].entries()) expect(line.toldOf(name)).toMatchObject([{ position }]);
});

test('a position is told on change, at most once a second, and in the end as it is', async () => {
  await using line = open();
  const names = Array.from({ length: 20 }, (_, number) => `job ${number}`);
  for (const name of names) {
    await line.come(name);
    await vi.advanceTimersByTimeAsync(190);
    if (name !== 'job 0') await line.next();
  }
  await line.come('last');
  await vi.advanceTimersByTimeAsync(5_000);
  await line.next();
  await vi.advanceTimersByTimeAsync(5_000);

  expect(line.toldOf('last').map(({ position }) => position)).toEqual([1, 0]);
  for (const name of names) {
    const told = line.toldOf(name);
    for (const [index, { position, at }] of told.slice(1).entries()) {
      expect(position).not.toBe(told[index]!.position);
      expect(at - told[index]!.at).toBeGreaterThanOrEqual(1_000);
    }
  }
});
