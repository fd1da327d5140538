import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { CompletionStore } from '../../../../src/contracts/stores/completions.ts';
import { type Store, StoreUnavailableError } from '../../../../src/contracts/stores/store.ts';
import { createRecovery, type RecoveryOptions } from '../../../../src/domain/completions/recovery.ts';
import { silentLog } from '../../../kit/database.ts';

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
