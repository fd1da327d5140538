import { expect, test } from 'vitest';
import type { CompletionId } from '../../../../src/contracts/ids.ts';
import type { Completion } from '../../../../src/contracts/stores/completions.ts';
import { createJustEnded } from '../../../../src/domain/completions/just-ended.ts';

const ended = (id: string, text = 'an answer', prompt = 'a prompt') => {
  const choices = [{ index: 0, text, finishReason: 'STOP', stopSequence: null }];
  return { id, choices, request: { prompt, messages: null, tokens: null } } as unknown as Completion;
};
const idOf = (id: string) => id as CompletionId;

test('knows what ended for a second, and no longer', () => {
  let milliseconds = 5_000;
  const justEnded = createJustEnded(() => milliseconds);
  const completion = ended('a');
  justEnded.add(completion);
  milliseconds += 1_000;
  expect(justEnded.get(idOf('a'))).toBe(completion);
  milliseconds += 1;
  expect(justEnded.get(idOf('a'))).toBeUndefined();
});

test('holds the last 64, without long ones', () => {
  const justEnded = createJustEnded(() => 0);
  for (let i = 0; i < 65; i++) justEnded.add(ended(`completion ${i}`));
  justEnded.add(ended('long', 'x'.repeat(40_000), 'y'.repeat(40_000)));
  const held = [0, 1, 64].map((i) => justEnded.get(idOf(`completion ${i}`))?.id);
  expect(held).toEqual([undefined, 'completion 1', 'completion 64']);
  expect(justEnded.get(idOf('long'))).toBeUndefined();
});
