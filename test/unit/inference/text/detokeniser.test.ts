import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDetokeniser } from '../../../../src/inference/text/detokeniser.ts';

/** A vocabulary of single bytes: token 0–255 is that byte, 256 is a control token without text. */
function detokeniseBytes(tokens: readonly number[]): string {
  return Buffer.from(tokens.filter((token) => token < 256)).toString('utf8');
}

function pieces(bytes: readonly number[], prompt: readonly number[] = []): string[] {
  const detokeniser = createDetokeniser(detokeniseBytes, prompt);
  return bytes.map((byte) => detokeniser.push(byte));
}

/** What is shown before the end, at it, and after it. */
function ending(bytes: readonly number[]): [string, string, string] {
  const detokeniser = createDetokeniser(detokeniseBytes, []);
  const shown = bytes.map((byte) => detokeniser.push(byte)).join('');
  return [shown, detokeniser.flush(), detokeniser.flush()];
}

const bytesOf = (text: string) => [...Buffer.from(text)];

describe('detokeniser', () => {
  it('shows a character that spans tokens whole, with its last token', () => {
    expect(pieces(bytesOf('é😀漢'))).toEqual(['', 'é', '', '', '', '😀', '', '', '漢']);
  });

  it('shows a U+FFFD that the model means one token late at most', () => {
    expect(pieces(bytesOf('a\uFFFDb')).join('')).toBe('a\uFFFDb');
    expect(pieces(bytesOf('\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD!')).join('')).toBe('\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD!');
  });

  it('goes on after bytes that are no character', () => {
    expect(pieces([0xff, 0xfe, 0xf0, 0x9f, 65, 66]).join('')).toBe('\uFFFD\uFFFD\uFFFDAB');
    const endless = pieces([...Array<number>(1000).fill(0x98), 65]);
    expect(endless.join('')).toBe(`${'\uFFFD'.repeat(1000)}A`);
    expect(endless.slice(1, -1).every((piece) => piece !== '')).toBe(true);
  });

  it('ends without the unfinished part of a character', () => {
    expect(pieces(bytesOf('ok😀').slice(0, -1)).join('')).toBe('ok');
  });

  it('shows at the end what was held back, once', () => {
    expect(ending(bytesOf('ok\uFFFD'))).toEqual(['ok', '\uFFFD', '']);
    expect(ending(bytesOf('ok😀').slice(0, -1))).toEqual(['ok', '\uFFFD', '']);
    expect(ending(bytesOf('ok'))).toEqual(['ok', '', '']);
    expect(ending([])).toEqual(['', '', '']);
  });

  it('lets control tokens within a character change nothing', () => {
    const [a, b, c, d] = bytesOf('😀');
    expect(pieces([a!, 256, b!, 256, 256, c!, 256, d!, 65]).join('')).toBe('😀A');
    expect(pieces([256, 65, 256]).join('')).toBe('A');
  });

  it('knows from the prompt how the first token is spelled', () => {
    // As SentencePiece does: a leading space is dropped at the beginning of a text.
    const words = [' Once', ' upon'];
    const detokenise = (tokens: readonly number[], before: readonly number[]) => {
      const text = tokens.map((token) => words[token]).join('');
      return before.length === 0 ? text.trimStart() : text;
    };
    expect(createDetokeniser(detokenise, [0]).push(1)).toBe(' upon');
    expect(createDetokeniser(detokenise, []).push(1)).toBe('upon');
    const detokeniser = createDetokeniser(detokenise, []);
    expect([detokeniser.push(0), detokeniser.push(1)]).toEqual(['Once', ' upon']);
  });

  it('joins to the text of all bytes, whatever they are', () => {
    const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0xf0, 0x9f, 0x98, 0x80, 0xe6, 0xbc));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 60 }), (bytes) => {
        expect(pieces([...bytes, 33]).join('')).toBe(detokeniseBytes([...bytes, 33]));
        expect(ending(bytes).join('')).toBe(detokeniseBytes(bytes));
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const shown = pieces(bytesOf(text));
        expect(shown.join('')).toBe(text.endsWith('\uFFFD') ? text.slice(0, -1) : text);
      }),
    );
  });
});
