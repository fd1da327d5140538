import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createAlarm } from '../../../src/lib/alarm.ts';
import { systemClock } from '../../../src/lib/clock.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

test('it rings once at the moment that was set last', () => {
  const rung: number[] = [];
  const alarm = createAlarm(systemClock, () => rung.push(Date.now()));
  alarm.set(500);
  alarm.set(200);
  vi.advanceTimersByTime(1_000);
  expect(rung).toEqual([200]);
  alarm.set(1_500);
  alarm.set(undefined);
  vi.advanceTimersByTime(1_000);
  expect(rung).toEqual([200]);
  expect(vi.getTimerCount()).toBe(0);
});

test('a moment farther than a timer can wait is kept exactly', () => {
  const rung: number[] = [];
  const fortyDays = 40 * 86_400_000;
  const alarm = createAlarm(systemClock, () => rung.push(Date.now()));
  alarm.set(fortyDays);
  vi.advanceTimersByTime(fortyDays - 1);
  expect(rung).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(rung).toEqual([fortyDays]);
});

test('disposing it leaves no timer', () => {
  const alarm = createAlarm(systemClock, () => {});
  alarm.set(500);
  alarm[Symbol.dispose]();
  expect(vi.getTimerCount()).toBe(0);
});
