import { expect, test } from 'vitest';
import { createThroughput } from '../../../src/inference/throughput.ts';

test('tokens count once each, and steps once however many tokens they gave', () => {
  let seconds = 1_000;
  const throughput = createThroughput(10, () => new Date(seconds * 1_000));
  expect(throughput.perSecond()).toBe(0);
  expect(throughput.perStep()).toBeUndefined();
  for (const step of [1, 2, 3, 4]) for (const _ of [1, 2, 3]) throughput.add(1, step);
  throughput.add(0, 5);
  seconds += 1;
  expect(throughput.perSecond()).toBeCloseTo(12 / 9);
  expect(throughput.perStep()).toBe(3);
  seconds += 10;
  expect(throughput.perSecond()).toBe(0);
  expect(throughput.perStep()).toBeUndefined();
});
