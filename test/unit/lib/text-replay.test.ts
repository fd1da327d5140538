import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMemoryTokenLog } from '../../../src/bus/memory/token-log.ts';
import type { CompletionId } from '../../../src/contracts/ids.ts';
import type { ChoiceDelta } from '../../../src/contracts/inference.ts';
import type { LogEvent } from '../../../src/contracts/token-log.ts';
import { createTextIndexBuilder } from '../../../src/lib/text-index.ts';
import { createTextReplay, type ReplayedDelta, surveyTextIndex } from '../../../src/lib/text-replay.ts';

function replayed(index: Uint8Array, texts: readonly string[], after: number): ReplayedDelta[] {
  const replay = createTextReplay(after);
  const deltas: ReplayedDelta[] = [];
  const text = { index, texts, waypoints: surveyTextIndex(index).waypoints };
  for (let delta = replay.next(text); delta; delta = replay.next(text)) deltas.push(delta);
  return deltas;
}

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
        expect(replayed(builder.toBytes(), texts, after)).toEqual(live);
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

test('a replay from far into a long text reads little of what is before, and says the same', () => {
  const builder = createTextIndexBuilder();
  const texts = ['', ''];
  const last = 20_000;
  for (let seq = 2; seq <= last; seq++) {
    // Events of one choice, and of both.
    for (const choice of seq % 3 === 0 ? [0, 1] : [seq % 2]) {
      const text = `${choice}:${seq} `;
      texts[choice] += text;
      builder.add({ seq, choice, textUnits: text.length, tokens: 1 });
    }
  }
  const index = builder.toBytes();
  const { waypoints, lastSeqs } = surveyTextIndex(index);
  expect(Object.fromEntries(lastSeqs)).toEqual({ 0: last, 1: 19_999 });
  expect(waypoints.length).toBeGreaterThan(4);
  const seqs = waypoints.map(({ place }) => place.seq);
  for (const after of [0, 1, 2, ...seqs.flatMap((seq) => [seq - 1, seq, seq + 1]), last - 1, last]) {
    const replay = createTextReplay(after);
    const all: ReplayedDelta[] = [];
    const text = { index, texts, waypoints: [] };
    for (let delta = replay.next(text); delta; delta = replay.next(text)) all.push(delta);
    expect(replayed(index, texts, after)).toEqual(all);
  }
});
