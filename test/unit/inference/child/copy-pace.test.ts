import { describe, expect, test } from 'vitest';
import { createCopyPace } from '../../../../src/inference/child/copy-pace.ts';

/** A millisecond a token to evaluate, a tenth of that to copy. */
function measuredPace() {
  const pace = createCopyPace();
  pace.evaluated(100, 100);
  pace.copied(100, 10);
  return pace;
}

describe('a copy', () => {
  test('is tried before anything is known, but not for a few tokens', () => {
    const pace = createCopyPace();
    expect(pace.isWorthwhile(32, 1_000)).toBe(true);
    expect(pace.isWorthwhile(31, 31)).toBe(false);
  });

  test('is worth the while up to half of what it spares', () => {
    const pace = measuredPace();
    expect(pace.isWorthwhile(40, 200)).toBe(true);
    expect(pace.isWorthwhile(40, 201)).toBe(false);
  });

  test('never takes longer than half a chunk of a prompt, however much it spares', () => {
    const pace = measuredPace();
    expect(pace.isWorthwhile(5_000, 640)).toBe(true);
    expect(pace.isWorthwhile(5_000, 641)).toBe(false);
  });

  test('is tried again, once, after many were refused', () => {
    const pace = createCopyPace();
    pace.evaluated(100, 100);
    pace.failed();
    const tries = Array.from({ length: 300 }, () => {
      const tried = pace.isWorthwhile(64, 64);
      if (tried) pace.failed();
      return tried;
    });
    expect(tries.filter(Boolean)).toHaveLength(1);
    expect(tries.indexOf(true)).toBe(256);
  });

  test('is measured against steps of prompts, not of single tokens', () => {
    const pace = measuredPace();
    pace.evaluated(1, 50);
    expect(pace.isWorthwhile(40, 201)).toBe(false);
  });
});
