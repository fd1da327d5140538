import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ChoiceDelta } from '../../../../src/contracts/inference.ts';
import type { CompletionChoice } from '../../../../src/contracts/stores/completions.ts';
import { createProgress, progressStart } from '../../../../src/domain/completions/progress.ts';

const n = 3;
const delta = fc.record({
  index: fc.nat(n - 1),
  text: fc.string({ maxLength: 3 }),
  tokens: fc.nat(2),
  ending: fc.option(fc.constantFrom('STOP', 'STOP_SEQUENCE'), { freq: 5, nil: undefined }),
});
/** Some deltas, and whether the database answered the checkpoint that followed. */
const steps = fc.array(fc.record({ deltas: fc.array(delta, { maxLength: 4 }), answered: fc.boolean() }), {
  maxLength: 30,
});

test('what checkpoints gained, each since the last that was answered, is the whole', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const progress = createProgress(n, 5, () => new Date());
      const ended = new Set<number>();
      const choices = Array.from(
        { length: n },
        (_, index): CompletionChoice => ({ index, text: '', finishReason: null, stopSequence: null }),
      );
      const textIndex: number[] = [];
      let mark = progressStart;
      let seq = 0;

      for (const { deltas, answered } of [...all, { deltas: [], answered: true }]) {
        for (const { ending, ...rest } of deltas) {
          if (ended.has(rest.index)) continue;
          if (ending) ended.add(rest.index);
          const stop = ending === 'STOP_SEQUENCE' ? { stopSequence: '###' } : {};
          const change: ChoiceDelta = { ...rest, ...(ending && { finishReason: ending }), ...stop };
          progress.add(++seq, [change]);
        }
        const gain = progress.gainSince(mark);
        if (!answered) continue;
        mark = gain.mark;
        textIndex.push(...gain.textIndex);
        for (const choice of gain.choices) {
          choices[choice.index] = { ...choice, text: choices[choice.index]!.text + choice.text };
        }
        expect(progress.gainSince(mark)).toEqual({ choices: [], textIndex: new Uint8Array(), mark });
      }
      expect(choices).toEqual(progress.choices());
      expect(textIndex).toEqual([...progress.textIndex()]);
    }),
  );
});
