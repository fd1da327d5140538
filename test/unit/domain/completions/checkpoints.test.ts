import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { CompletionId } from '../../../../src/contracts/ids.ts';
import type { Checkpoint, CompletionStore } from '../../../../src/contracts/stores/completions.ts';
import { createCheckpoints } from '../../../../src/domain/completions/checkpoints.ts';
import { createProgress } from '../../../../src/domain/completions/progress.ts';
import { silentLog } from '../../../kit/database.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test.each([
  ['the period, also while a statement is under way', 200, 500],
  ['two statements, where these take longer than half of the period', 400, 800],
])('what a crash would lose is never older than %s', async (_, statementMilliseconds, mostMilliseconds) => {
  const lossMilliseconds = 500;
  let stored = 0;
  const checkpoint = async (running: readonly Checkpoint[]) => {
    await new Promise((resolve) => setTimeout(resolve, statementMilliseconds));
    stored = running[0]!.usage.completionTokens;
  };
  const completions = { checkpoint } as Partial<CompletionStore> as CompletionStore;
  const checkpoints = createCheckpoints({ completions, lossMilliseconds, leaseSeconds: 60, logger: silentLog });
  const progress = createProgress(1, 3, () => new Date());
  checkpoints.addRunning('a' as CompletionId, 1, progress);
  const token = { index: 0, text: 'x', tokens: 1 };

  const perToken = 10;
  for (let produced = 1; produced <= 300; produced++) {
    progress.add(produced, [token]);
    await vi.advanceTimersByTimeAsync(perToken);
    expect((produced - stored) * perToken, `after ${produced} tokens`).toBeLessThanOrEqual(mostMilliseconds);
  }
  await vi.advanceTimersByTimeAsync(mostMilliseconds);
  expect(stored).toBe(300);
  await checkpoints[Symbol.asyncDispose]();
});

test('leases are kept up from admission to the end, also of what runs before the store knows', async () => {
  const renewals: string[][] = [];
  const checkpoint: CompletionStore['checkpoint'] = async (_running, renewal) => {
    if (renewal) renewals.push([...renewal.waiting]);
  };
  const completions = { checkpoint } as Partial<CompletionStore> as CompletionStore;
  const options = { completions, lossMilliseconds: 500, leaseSeconds: 4, logger: silentLog };
  await using checkpoints = createCheckpoints(options);
  const [waits, runs] = ['waits', 'runs'] as CompletionId[];
  for (const id of [waits!, runs!]) checkpoints.addWaiting(id);
  await vi.advanceTimersByTimeAsync(250);
  expect(renewals).toEqual([['waits', 'runs']]);
  checkpoints.addRunning(
    runs!,
    1,
    createProgress(1, 3, () => new Date()),
  );
  await vi.advanceTimersByTimeAsync(1_000);
  expect(renewals.at(-1)).toEqual(['waits', 'runs']);
  checkpoints.remove(runs!);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(renewals.at(-1)).toEqual(['waits']);
});
