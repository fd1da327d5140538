import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createMemoryJobs } from '../../../../src/bus/memory/jobs.ts';
import { createMemoryTokenLog } from '../../../../src/bus/memory/token-log.ts';
import type { Completion, CompletionStore, Settlement } from '../../../../src/contracts/stores/completions.ts';
import { type Store, StoreUnavailableError } from '../../../../src/contracts/stores/store.ts';
import { createLaunch } from '../../../../src/domain/completions/launch.ts';
import { createRecovery, type RecoveryOptions } from '../../../../src/domain/completions/recovery.ts';
import { createScriptedInference } from '../../../../src/inference/scripted.ts';
import { forever } from '../../../contract/jobs/suite.ts';
import { silentLog } from '../../../kit/database.ts';
import { request } from '../../../kit/store.ts';
import { completionId, completionWith } from '../../graphql/fixtures.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const leaseSeconds = 60;

test('leases that end are looked for at once, but by nobody who has not had the database for a whole lease', async () => {
  let isAway = false;
  const looks: number[] = [];
  const begin = Date.now();
  const abandoned = async (endedBefore: Date) => {
    looks.push(endedBefore.getTime() - begin);
    return [];
  };
  const store = {
    shared: true,
    ping: async () => {
      if (isAway) throw new StoreUnavailableError('away');
    },
    completions: { abandoned } as Partial<CompletionStore> as CompletionStore,
  } as Partial<Store> as Store;
  const unused = {} as Omit<RecoveryOptions, 'store' | 'leaseSeconds' | 'logger'>;
  await using _recovery = createRecovery({ ...unused, store, leaseSeconds, logger: silentLog });

  await vi.advanceTimersByTimeAsync(59_000);
  expect(looks).toEqual([]);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(looks).toEqual([60_000, 61_000, 62_000, 63_000]);

  isAway = true;
  await vi.advanceTimersByTimeAsync(10_000);
  isAway = false;
  await vi.advanceTimersByTimeAsync(59_000);
  expect(looks).toHaveLength(4);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(looks).toHaveLength(5);

  // Stood still, as in a paused machine: peers have had no time to renew their leases since.
  vi.setSystemTime(Date.now() + 300_000);
  await vi.advanceTimersByTimeAsync(59_000);
  expect(looks).toHaveLength(5);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(looks.length).toBeGreaterThan(5);
});

/** What dead processes left, and a recovery that finds it. */
function openWith(left: readonly Completion[], { shared = false } = {}) {
  const settlements: Settlement[] = [];
  const isLeft = ({ id }: Completion) => !settlements.some((settlement) => settlement.id === id);
  const completions: Partial<CompletionStore> = {
    abandoned: async (_before, limit, after) =>
      left.filter((each) => isLeft(each) && (after === undefined || each.id > after)).slice(0, limit),
    adopt: async () => true,
  };
  const store = { shared, ping: async () => {}, completions } as Partial<Store> as Store;
  const inference = createScriptedInference();
  const jobs = createMemoryJobs({
    limits: { queueRequests: 1_000, queuePromptTokens: 100_000, queueSeconds: 60 },
    slots: () => 1,
    ready: () => true,
  });
  const log = createMemoryTokenLog({ retention: { logSeconds: 60, logBytes: 1e6 } });
  const launch = createLaunch({
    log,
    checkpoints: { addWaiting() {} } as never,
    abandonment: { watch() {} } as never,
    queueReports: { reportFirst: async () => {} },
  });
  const settle = async (settlement: Settlement) => {
    settlements.push(settlement);
    return completionWith();
  };
  const recovery = createRecovery({ store, inference, jobs, settle, launch, leaseSeconds, logger: silentLog });
  return {
    recovery,
    inference,
    jobs,
    log,
    settlements,
    async [Symbol.asyncDispose]() {
      for (const each of [recovery, jobs, log, inference]) await each[Symbol.asyncDispose]();
    },
  };
}

const leftBehind = (number: number, changes: Partial<Completion>) =>
  completionWith({ id: completionId(number), model: 'scripted', choices: [], createdAt: new Date(), ...changes });
const waiting = (number: number) => leftBehind(number, { mode: 'BACKGROUND', status: 'QUEUED', epoch: 0, request });
const running = (number: number) => leftBehind(number, { status: 'RUNNING' });
const numbered = (count: number, make: (number: number) => Completion) =>
  Array.from({ length: count }, (_, number) => make(100 + number));

test('a start takes each completion that was left once, however many there are', async () => {
  const left = numbered(250, (number) => (number % 2 ? waiting(number) : running(number)));
  await using opened = openWith(left);
  expect(await opened.recovery.recover()).toBe(250);
  expect(await opened.jobs.positions()).toHaveLength(125);
  expect(opened.settlements).toHaveLength(125);
});

test('a start that finds many past their deadline ends', async () => {
  const left = numbered(250, (number) => ({ ...waiting(number), createdAt: new Date(0) }));
  await using opened = openWith(left);
  expect(await opened.recovery.recover()).toBe(250);
  expect(await opened.jobs.positions()).toEqual([]);
});

test('one that fails for a reason that nobody thought of keeps no other from being recovered', async () => {
  const left = numbered(5, waiting);
  await using opened = openWith([{ ...left[0]!, createdAt: undefined as never }, ...left.slice(1)]);
  expect(await opened.recovery.recover()).toBe(4);
  expect(await opened.jobs.positions()).toHaveLength(4);
});

test('what no longer fits into the context of its model is ended, and says so', async () => {
  await using opened = openWith([{ ...waiting(1), maxTokens: 1_000_000 }]);
  expect(await opened.recovery.recover()).toBe(1);
  expect(opened.settlements).toMatchObject([{ error: { code: 'CONTEXT_LENGTH_EXCEEDED' } }]);
});

test('those that nobody can take over now do not hide what was left after them', async () => {
  const left = [...numbered(250, waiting), running(900)];
  await using opened = openWith(left, { shared: true });
  opened.inference.breakModel('scripted', 'it is being repaired');
  await vi.advanceTimersByTimeAsync(leaseSeconds * 1_000);
  expect(opened.settlements).toMatchObject([{ id: completionId(900), error: { code: 'INTERRUPTED' } }]);
});

test('whoever comes back with a seq of a dead process misses nothing, however many died', async () => {
  const handedOut: number[] = [];
  for (const epoch of [0, 1, 2]) {
    await using opened = openWith([{ ...waiting(1), epoch }]);
    await opened.recovery.recover();
    const claim = await opened.jobs.claim('scripted', forever());
    expect(claim.epoch).toBe(epoch + 2);
    for (let events = 0; events < 1_000; events++) {
      const seq = await opened.log.append(claim.job.completionId, claim.epoch, { type: 'delta', choices: [] });
      expect(seq).toBeGreaterThan(handedOut.at(-1) ?? 0);
      if (events === 999) handedOut.push(seq);
    }

    // It dies before its first checkpoint.
    await using next = openWith([{ ...running(1), epoch: claim.epoch, lastSeq: 0 }]);
    await next.recovery.recover();
    expect(next.settlements[0]!.terminalSeq).toBeGreaterThan(handedOut.at(-1)!);
  }
});

test('what no process lives long enough to run is ended before its seqs leave the range of an Int', async () => {
  await using opened = openWith([{ ...waiting(1), epoch: 1_000 }]);
  await opened.recovery.recover();
  expect(opened.settlements).toMatchObject([{ error: { code: 'INTERRUPTED' } }]);
  expect(opened.settlements[0]!.terminalSeq).toBeLessThan(2 ** 31);
});
