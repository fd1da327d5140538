import { describe, expect, test } from 'vitest';
import { type CachedSequence, chooseSequence } from '../../../../src/inference/child/sequence-cache.ts';

const prompt = Array.from({ length: 200 }, (_, i) => i);

function cached(sequence: number, details: Partial<CachedSequence> = {}): CachedSequence {
  return { sequence, tokens: [], scope: 'a', lastUse: 0, ...details };
}

/** Chooses among eight sequences, of which some are busy and some have something evaluated. */
function choose(busy: readonly number[], evaluated: Record<number, Partial<CachedSequence>> = {}, tokens = prompt) {
  const all = Array.from({ length: 8 }, (_, sequence) => cached(sequence, evaluated[sequence]));
  const idle = all.filter(({ sequence }) => !busy.includes(sequence));
  return chooseSequence(idle, (sequence) => busy.includes(sequence), tokens, 'a');
}

describe('the sequence of a prompt', () => {
  test('is the one that shares the longest prefix, whichever are busy', () => {
    const evaluated = { 1: { tokens: prompt.slice(0, 40) }, 6: { tokens: prompt.slice(0, 120) } };
    expect(choose([0, 2], evaluated)).toEqual({ sequence: 6, keep: 120 });
  });

  test('is never one of another scope for what it shares', () => {
    expect(choose([], { 3: { tokens: prompt, scope: 'b' } })).toEqual({ sequence: 0, keep: 0 });
  });

  test('fills a hole between busy ones first, then goes beside them, so that they are evaluated together', () => {
    const evaluated = Object.fromEntries([1, 2, 3, 4].map((i) => [i, { tokens: [7], lastUse: 9 }]));
    expect(choose([0, 2, 3], evaluated)).toMatchObject({ sequence: 1 });
    expect(choose([1, 2, 3], evaluated)).toMatchObject({ sequence: 0 });
    expect(choose([0, 1, 2], evaluated)).toMatchObject({ sequence: 3 });
  });

  test('is not taken from beside busy ones by a prefix of a few tokens; a short prompt that is mostly there counts', () => {
    expect(choose([3], { 7: { tokens: prompt.slice(0, 8) } })).not.toMatchObject({ sequence: 7 });
    expect(choose([3], { 7: { tokens: prompt.slice(0, 8) } }, prompt.slice(0, 12))).toEqual({ sequence: 7, keep: 8 });
  });

  test('keeps what a chosen neighbour happens to share', () => {
    expect(choose([0], { 1: { tokens: prompt.slice(0, 5) } })).toEqual({ sequence: 1, keep: 5 });
  });

  test('is an empty one, else the least recently used, while nothing is busy', () => {
    const used = (lastUse: number) => ({ tokens: [9], lastUse });
    expect(choose([], { 0: used(1), 1: used(2) })).toMatchObject({ sequence: 2 });
    const all = Object.fromEntries([5, 3, 8, 1, 9, 7, 6, 4].map((lastUse, i) => [i, used(lastUse)]));
    expect(choose([], all)).toMatchObject({ sequence: 3 });
  });

  test('does not exist while all are busy', () => {
    expect(choose([0, 1, 2, 3, 4, 5, 6, 7])).toBeUndefined();
  });
});
