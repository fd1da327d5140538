import { createChoiceMerger } from './merge-choices.ts';

/**
 * Which seq brought which piece of a completion's text: what is needed to answer a reader from the stored texts with the same seqs
 * once the log is gone. One row per piece, three bytes for the usual one:
 *
 *     varint  (seq − the row before's seq) × 2, + 1 where tokens ≠ 1
 *     varint  choice
 *     varint  length of the text in UTF-16 units
 *     varint  tokens, only where ≠ 1
 *
 * A varint is seven bits a byte, lowest first, the high bit set on all but the last.
 */
export interface TextIndexRow {
  readonly seq: number;
  readonly choice: number;
  readonly textUnits: number;
  readonly tokens: number;
}

export interface TextIndexBuilder {
  /** Rows come in the order of their seqs; several may share one. */
  add(row: TextIndexRow): void;
  /** All rows so far. */
  toBytes(): Uint8Array;
}

/** Goes on after the rows of an earlier index where one is given. */
export function createTextIndexBuilder(earlier?: Uint8Array): TextIndexBuilder {
  let bytes = new Uint8Array(256);
  let length = 0;
  let lastSeq = 0;

  function reserve(count: number): void {
    if (length + count <= bytes.length) return;
    const grown = new Uint8Array(Math.max(bytes.length * 2, length + count));
    grown.set(bytes.subarray(0, length));
    bytes = grown;
  }

  function write(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      bytes[length++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    bytes[length++] = rest;
  }

  if (earlier) {
    reserve(earlier.length);
    bytes.set(earlier);
    length = earlier.length;
    for (const { seq } of readTextIndex(earlier)) lastSeq = seq;
  }

  return {
    add({ seq, choice, textUnits, tokens }) {
      if (seq < lastSeq) throw new RangeError(`seq ${seq} comes after ${lastSeq}`);
      reserve(4 * longestVarintBytes);
      write((seq - lastSeq) * 2 + (tokens === 1 ? 0 : 1));
      write(choice);
      write(textUnits);
      if (tokens !== 1) write(tokens);
      lastSeq = seq;
    },
    toBytes: () => bytes.slice(0, length),
  };
}

const longestVarintBytes = 8;

export function* readTextIndex(bytes: Uint8Array): Generator<TextIndexRow, void, undefined> {
  let position = 0;
  let seq = 0;

  function read(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = bytes[position++];
      if (byte === undefined) throw new RangeError('the text index is cut off');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  while (position < bytes.length) {
    const head = read();
    seq += Math.floor(head / 2);
    const choice = read();
    const textUnits = read();
    yield { seq, choice, textUnits, tokens: head % 2 === 0 ? 1 : read() };
  }
}

/** A delta as a reader of the log would have received it; `seq` is the last it covers. */
export interface ReplayedDelta {
  readonly seq: number;
  readonly choices: readonly { readonly index: number; readonly text: string; readonly tokens: number }[];
}

/**
 * Everything beyond `after`, merged as the log merges for a late reader. How a choice finished is not in the index: it belongs to the
 * last delta here that names the choice.
 */
export function replayText(index: Uint8Array, choiceTexts: readonly string[], after: number): ReplayedDelta[] {
  const replayed: ReplayedDelta[] = [];
  let merger = createChoiceMerger<ReplayedDelta['choices'][number]>();
  let lastSeq: number | undefined;

  for (const { seq, choices } of eventsOf(index, choiceTexts)) {
    if (seq <= after) continue;
    if (lastSeq !== undefined && !merger.fits(choices)) {
      replayed.push({ seq: lastSeq, choices: merger.merged() });
      merger = createChoiceMerger();
    }
    merger.add(choices);
    lastSeq = seq;
  }
  if (lastSeq !== undefined) replayed.push({ seq: lastSeq, choices: merger.merged() });
  return replayed;
}

/** The rows of one seq are one event: it is received whole or not at all. */
function* eventsOf(index: Uint8Array, choiceTexts: readonly string[]): Generator<ReplayedDelta, void, undefined> {
  const offsets = choiceTexts.map(() => 0);
  let seq = 0;
  let choices: ReplayedDelta['choices'][number][] = [];
  for (const row of readTextIndex(index)) {
    if (row.seq !== seq && choices.length > 0) {
      yield { seq, choices };
      choices = [];
    }
    seq = row.seq;
    const start = offsets[row.choice] ?? 0;
    offsets[row.choice] = start + row.textUnits;
    const text = (choiceTexts[row.choice] ?? '').slice(start, start + row.textUnits);
    choices.push({ index: row.choice, text, tokens: row.tokens });
  }
  if (choices.length > 0) yield { seq, choices };
}
