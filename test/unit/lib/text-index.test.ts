import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTextIndexBuilder, readTextIndex, type TextIndexRow } from '../../../src/lib/text-index.ts';

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
