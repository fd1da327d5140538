import { expect, test } from 'vitest';
import { percentilesOf } from '../../../src/store/histogram.ts';

/** As numeric_send writes a number: its groups of four decimal digits, the first of them times 10000 to the given power. */
function numeric(highest: number, groups: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(8 + 2 * groups.length);
  bytes.writeInt16BE(groups.length, 0);
  bytes.writeInt16BE(highest, 2);
  for (const [index, group] of groups.entries()) bytes.writeInt16BE(group, 8 + 2 * index);
  return bytes;
}

test('an empty histogram has no percentiles', () => {
  expect(percentilesOf(numeric(0, []))).toBeNull();
});

test('a place whose count takes several groups of digits counts in full', () => {
  // 1 0000 0002 in place 97 (up to 1), one in place 96.
  const { p50, p95 } = percentilesOf(numeric(97 * 3 + 2, [1, 0, 2, 0, 0, 1]))!;
  expect(p50).toBeCloseTo(1 / 1.05);
  expect(p95).toBe(p50);
});

test('percentiles lie in the lowest place that reaches them', () => {
  // Of twenty values nineteen are in place 0, which stands for nothing; the 95th hundredth is the nineteenth.
  expect(percentilesOf(numeric(3, [1, 0, 0, 19]))).toEqual({ p50: 0, p95: 0 });
  // Of twenty-one, twenty would have to be.
  const { p50, p95 } = percentilesOf(numeric(3, [2, 0, 0, 19]))!;
  expect(p50).toBe(0);
  expect(p95).toBeGreaterThan(0);
});

test('trailing zeros, which the format leaves out, are places without values', () => {
  const { p50, p95 } = percentilesOf(numeric(98 * 3, [7]))!;
  expect(p50).toBeCloseTo(1.1 / 1.05);
  expect(p95).toBe(p50);
});
