import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryTokenLog } from '../../../src/bus/memory/token-log.ts';
import type { CompletionId } from '../../../src/contracts/ids.ts';
import type { ChoiceDelta } from '../../../src/contracts/inference.ts';
import type { LogEvent } from '../../../src/contracts/token-log.ts';
import { createTextIndexBuilder, readTextIndex, replayText, type TextIndexRow } from '../../../src/lib/text-index.ts';

const largeNumber = fc.oneof(
  fc.nat(3),
  fc.nat(300),
  fc.maxSafeNat().map((value) => Math.floor(value / 1_000)),
);

function encode(rows: readonly TextIndexRow[], earlier?: Uint8Array): Uint8Array {
  const builder = createTextIndexBuilder(earlier);
  for (const row of rows) builder.add(row);
  return builder.toBytes();
}

describe('encoding', () => {
  const rows = fc
    .array(fc.record({ step: largeNumber, choice: fc.nat(200), textUnits: largeNumber, tokens: fc.nat(200) }), {
      maxLength: 200,
    })
    .map((steps) => {
      let seq = 0;
      return steps.map(({ step, ...rest }): TextIndexRow => {
        seq += step;
        return { seq, ...rest };
      });
    });

  test('what was added comes back', () => {
    fc.assert(
      fc.property(rows, (added) => {
        expect([...readTextIndex(encode(added))]).toEqual(added);
      }),
    );
  });

  test('an index that is continued equals one written at once', () => {
    fc.assert(
      fc.property(rows, fc.nat(200), (added, cut) => {
        expect(encode(added.slice(cut), encode(added.slice(0, cut)))).toEqual(encode(added));
      }),
    );
  });

  test('bytes that were handed out do not change with later rows', () => {
    const builder = createTextIndexBuilder();
    builder.add({ seq: 1, choice: 0, textUnits: 3, tokens: 1 });
    const before = builder.toBytes();
    builder.add({ seq: 2, choice: 0, textUnits: 3, tokens: 1 });
    expect([...readTextIndex(before)]).toHaveLength(1);
  });

  test('a usual row takes three bytes', () => {
    const usual = Array.from({ length: 1_000 }, (_, at) => ({ seq: at + 1, choice: 0, textUnits: 4, tokens: 1 }));
    expect(encode(usual)).toHaveLength(3_000);
  });

  test('a seq that goes back and bytes that are cut off are refused', () => {
    const row = { seq: 5, choice: 0, textUnits: 1, tokens: 2 };
    expect(() => encode([row, { ...row, seq: 4 }])).toThrow(RangeError);
    expect(() => [...readTextIndex(encode([row]).subarray(0, 3))]).toThrow(RangeError);
  });
});

const choices = fc.uniqueArray(
  fc.record({
    index: fc.nat(3),
    text: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 6 }), fc.constant('x'.repeat(7_000))),
    tokens: fc.nat(3),
  }),
  { minLength: 1, maxLength: 4, selector: ({ index }) => index },
);

test('a replay equals what a late reader of the live log gets, from any offset', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(choices, { maxLength: 40 }), fc.nat(3), async (deltas, afterSeq) => {
      const id = 'completion' as CompletionId;
      await using log = createMemoryTokenLog({ retention: { logSeconds: 900, logBytes: 1_000_000_000 } });
      await log.create(id, afterSeq);
      const builder = createTextIndexBuilder();
      const texts = ['', '', '', ''];
      const first = await log.append(id, 1, { type: 'started', promptTokens: 1, cachedPromptTokens: 0 });
      for (const delta of deltas) {
        const seq = await log.append(id, 1, { type: 'delta', choices: delta });
        for (const { index, text, tokens } of delta) {
          texts[index] += text;
          builder.add({ seq, choice: index, textUnits: text.length, tokens });
        }
      }
      for (let after = 0; after <= first + deltas.length; after += 1) {
        const live = await readHeld(after);
        expect(replayText(builder.toBytes(), texts, after)).toEqual(live);
      }

      async function readHeld(after: number) {
        const received: { seq: number; choices: readonly ChoiceDelta[] }[] = [];
        let offset = after;
        const reader = (await log.read(id, after, new AbortController().signal)) as AsyncIterableIterator<LogEvent>;
        while (offset < first + deltas.length) {
          const { value } = await reader.next();
          offset = value.seq;
          if (value.type === 'delta') received.push({ seq: value.seq, choices: value.choices });
        }
        await reader.return?.();
        return received;
      }
    }),
    { numRuns: 100 },
  );
});
