import { expect, test } from 'vitest';
import { createRate } from '../../../src/lib/rate.ts';

test('a rate tells what the last seconds had, and forgets what was before', () => {
  let milliseconds = 1_000_000_000;
  const rate = createRate(10, () => new Date(milliseconds));
  expect(rate.perSecond()).toBe(0);
  for (let second = 0; second < 30; second++) {
    rate.add(20);
    rate.add(20);
    milliseconds += 1_000;
  }
  expect(rate.perSecond()).toBe(40);
  milliseconds += 4_500;
  expect(rate.perSecond()).toBeCloseTo(200 / 9.5);
  milliseconds += 6_000;
  expect(rate.perSecond()).toBe(0);
  milliseconds += 3_600_000;
  rate.add(9);
  expect(rate.perSecond()).toBeCloseTo(9 / 9.5);
});
