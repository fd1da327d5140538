import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createStopMatcher } from '../../../../src/inference/text/stop-matcher.ts';

function run(stops: readonly string[], pieces: readonly string[]) {
  const matcher = createStopMatcher(stops);
  const shown: string[] = [];
  for (const piece of pieces) {
    const { text, matched } = matcher.push(piece);
    shown.push(text);
    if (matched !== undefined) return { shown, text: shown.join(''), matched };
  }
  shown.push(matcher.flush());
  return { shown, text: shown.join(''), matched: undefined };
}

describe('stop matcher', () => {
  it('passes text through at once when there is nothing to stop at', () => {
    expect(run([], ['a', 'b']).shown).toEqual(['a', 'b', '']);
    expect(run(['x'], ['a', 'b']).shown).toEqual(['a', 'b', '']);
  });

  it('cuts at a stop sequence that spans pieces and shows no part of it', () => {
    expect(run(['END'], ['one E', 'N', 'D two'])).toEqual({ shown: ['one ', '', ''], text: 'one ', matched: 'END' });
  });

  it('shows held text as soon as it can no longer match', () => {
    expect(run(['END'], ['one E', 'N', 'ough']).shown).toEqual(['one ', '', 'ENough', '']);
  });

  it('holds back the longest text that could still become a stop sequence', () => {
    expect(run(['aab', 'b!'], ['xaa', 'a', 'c']).shown).toEqual(['x', 'a', 'aac', '']);
  });

  it('takes the first sequence to be complete, and the longest of those that end together', () => {
    expect(run(['abcd', 'bc'], ['abcd'])).toMatchObject({ text: 'a', matched: 'bc' });
    expect(run(['c', 'bc'], ['abcd'])).toMatchObject({ text: 'a', matched: 'bc' });
  });

  it('gives held text back at the end', () => {
    expect(run(['END'], ['the EN']).text).toBe('the EN');
  });

  it('decides the same however the text is cut into pieces, and never leaks', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 40 });
    const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(letters, stops, fc.array(fc.integer({ min: 1, max: 5 })), (text, stops, cuts) => {
        const pieces: string[] = [];
        let rest = text;
        for (const cut of cuts) {
          pieces.push(rest.slice(0, cut));
          rest = rest.slice(cut);
        }
        pieces.push(rest);
        const whole = run(stops, [text]);
        const cut = run(stops, pieces);
        expect({ text: cut.text, matched: cut.matched }).toEqual({ text: whole.text, matched: whole.matched });
        expect(stops.some((stop) => cut.text.includes(stop))).toBe(false);
        if (cut.matched === undefined) expect(cut.text).toBe(text);
        else expect(text.startsWith(cut.text + cut.matched)).toBe(true);
      }),
    );
  });
});
