import { describe, expect, test } from 'vitest';
import { type CachedSequence, planStart } from '../../../../src/inference/child/plan-start.ts';

const prompt = Array.from({ length: 200 }, (_, i) => i);

function cached(sequence: number, details: Partial<CachedSequence> = {}): CachedSequence {
  return { sequence, tokens: [], scope: 'a', lastUse: 0, upcoming: undefined, ...details };
}

/** Plans among eight sequences, of which some are busy and some have something evaluated; copies are worth the while from 32 tokens on. */
function choose(
  busy: readonly number[],
  held: Record<number, Partial<CachedSequence>> = {},
  tokens = prompt,
  isCopyWorthwhile = (gained: number) => gained >= 32,
) {
  const all = Array.from({ length: 8 }, (_, sequence) =>
    cached(sequence, { ...(busy.includes(sequence) && { upcoming: [] }), ...held[sequence] }),
  );
  return planStart(all, tokens, 'a', isCopyWorthwhile);
}

describe('the sequence of a prompt', () => {
  test('is the one that shares the longest prefix, whichever are busy', () => {
    const evaluated = { 1: { tokens: prompt.slice(0, 40) }, 6: { tokens: prompt.slice(0, 120) } };
    expect(choose([0, 2], evaluated)).toEqual({ type: 'start', sequence: 6, keep: 120 });
  });

  test('is never one of another scope for what it shares', () => {
    expect(choose([], { 3: { tokens: prompt, scope: 'b' } })).toEqual({ type: 'start', sequence: 0, keep: 0 });
  });

  test('fills a hole between busy ones first, then goes beside them, so that they are evaluated together', () => {
    const evaluated = Object.fromEntries([1, 2, 3, 4].map((i) => [i, { tokens: [7], lastUse: 9 }]));
    expect(choose([0, 2, 3], evaluated)).toMatchObject({ sequence: 1 });
    expect(choose([1, 2, 3], evaluated)).toMatchObject({ sequence: 0 });
    expect(choose([0, 1, 2], evaluated)).toMatchObject({ sequence: 3 });
  });

  test('is not taken from beside busy ones by a prefix of a few tokens; a short prompt that is mostly there counts', () => {
    expect(choose([3], { 7: { tokens: prompt.slice(0, 8) } })).not.toMatchObject({ sequence: 7 });
    expect(choose([3], { 7: { tokens: prompt.slice(0, 8) } }, prompt.slice(0, 12))).toEqual({
      type: 'start',
      sequence: 7,
      keep: 8,
    });
  });

  test('keeps what a chosen neighbour happens to share', () => {
    expect(choose([0], { 1: { tokens: prompt.slice(0, 5) } })).toEqual({ type: 'start', sequence: 1, keep: 5 });
  });

  test('is an empty one, else the least recently used, while nothing is busy', () => {
    const used = (lastUse: number) => ({ tokens: [9], lastUse });
    expect(choose([], { 0: used(1), 1: used(2) })).toMatchObject({ sequence: 2 });
    const all = Object.fromEntries([5, 3, 8, 1, 9, 7, 6, 4].map((lastUse, i) => [i, used(lastUse)]));
    expect(choose([], all)).toMatchObject({ sequence: 3 });
  });

  test('does not exist while all are busy', () => {
    expect(choose([0, 1, 2, 3, 4, 5, 6, 7])).toEqual({ type: 'full' });
  });
});

describe('what is evaluated already', () => {
  const shared = prompt.slice(0, 100);
  const other = (length: number) => Array<number>(length).fill(-1);

  test('is copied from a busy sequence, to where the prompt would begin without', () => {
    expect(choose([3], { 3: { tokens: [...shared, ...other(9)] } })).toEqual({
      type: 'start',
      sequence: 2,
      keep: 100,
      copyFrom: 3,
    });
  });

  test('is copied where going on in place would lose much of what a sequence holds, unless the prompt is all in it', () => {
    const held = (others: number) => ({ 0: { tokens: [...shared, ...other(others)] } });
    expect(choose([], held(32))).toEqual({ type: 'start', sequence: 1, keep: 100, copyFrom: 0 });
    expect(choose([], held(31))).toEqual({ type: 'start', sequence: 0, keep: 100 });
    expect(choose([], held(32), shared)).toEqual({ type: 'start', sequence: 0, keep: 99 });
  });

  test('is copied for a third chat where two that are idle began with the same words', () => {
    const chats = [11, 12].map((word) => ({ tokens: [...shared, ...Array<number>(50).fill(-word)] }));
    expect(choose([2], { 1: chats[0]!, 3: chats[1]! })).toMatchObject({ keep: 100, copyFrom: expect.anything() });
    expect(choose([2], { 1: chats[0]!, 3: chats[1]! })).not.toMatchObject({ sequence: 1 });
  });

  test('is not copied over what lies in the only other idle sequence, where that holds nearly as much', () => {
    const held = { 3: { tokens: shared }, 4: { tokens: prompt.slice(0, 90) } };
    expect(choose([0, 1, 2, 3, 5, 6, 7], held)).toEqual({ type: 'start', sequence: 4, keep: 90 });
  });

  test('is gone on with in place where no other sequence is idle, or a copy costs more than it spares', () => {
    const held = { 0: { tokens: [...shared, ...other(300)] } };
    const inPlace = { type: 'start', sequence: 0, keep: 100 };
    expect(choose([1, 2, 3, 4, 5, 6, 7], held)).toEqual(inPlace);
    expect(choose([], held, prompt, () => false)).toEqual(inPlace);
  });

  test('is never copied from another scope', () => {
    expect(choose([3], { 3: { tokens: prompt, scope: 'b' } })).not.toHaveProperty('copyFrom');
  });

  test('is waited for while another choice evaluates it, not in another scope and not for a few tokens', () => {
    const evaluating = (details: Partial<CachedSequence> = {}) =>
      choose([3], { 3: { tokens: prompt.slice(0, 60), upcoming: prompt.slice(60), ...details } });
    expect(evaluating()).toEqual({ type: 'wait' });
    expect(evaluating({ scope: 'b' })).toMatchObject({ type: 'start', keep: 0 });
    expect(evaluating({ upcoming: prompt.slice(60, 80) })).toMatchObject({ type: 'start', keep: 60, copyFrom: 3 });
    expect(evaluating({ tokens: [], upcoming: [...shared, -1] })).toEqual({ type: 'wait' });
    expect(evaluating({ tokens: [], upcoming: [-1, ...shared] })).toMatchObject({ type: 'start', keep: 0 });
  });

  test('is not waited for where every sequence is busy', () => {
    const held = { 3: { tokens: [], upcoming: prompt } };
    expect(choose([0, 1, 2, 3, 4, 5, 6, 7], held)).toEqual({ type: 'full' });
  });
});
