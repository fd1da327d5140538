import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createRevival } from '../../../src/inference/revival.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function open(outcome: () => 'LOADED' | 'FAILED') {
  const tried: number[] = [];
  const start = Date.now();
  const revival = createRevival({ reloadSeconds: 5, reviveAtMostSeconds: 15 }, async () => {
    tried.push((Date.now() - start) / 1000);
    revival.observe('LOADING');
    revival.observe(outcome());
    throw new Error('whatever it was');
  });
  return { revival, tried };
}

test('a failed model is tried in pauses that double up to the most, and anew once it was loaded', async () => {
  let outcome: 'LOADED' | 'FAILED' = 'FAILED';
  const { revival, tried } = open(() => outcome);
  revival.observe('FAILED');
  revival.observe('FAILED');
  await vi.advanceTimersByTimeAsync(46_000);
  expect(tried).toEqual([5, 15, 30, 45]);
  outcome = 'LOADED';
  await vi.advanceTimersByTimeAsync(60_000);
  expect(tried.slice(4)).toEqual([60]);
  revival.observe('FAILED');
  await vi.advanceTimersByTimeAsync(5_000);
  expect(tried).toHaveLength(6);
});

test('nothing is tried of what somebody else loads, of what was given up, or after the end', async () => {
  const { revival, tried } = open(() => 'FAILED');
  for (const end of [() => revival.observe('LOADING'), revival.cancel, () => revival[Symbol.dispose]()]) {
    revival.observe('FAILED');
    end();
    await vi.advanceTimersByTimeAsync(60_000);
  }
  revival.observe('FAILED');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(tried).toEqual([]);
});
