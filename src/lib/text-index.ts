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
  /** All rows so far, from the given byte on: the bytes of a builder's earlier and later rows joined are those of all. */
  toBytes(from?: number): Uint8Array;
  readonly byteLength: number;
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
    toBytes: (from = 0) => bytes.slice(from, length),
    get byteLength() {
      return length;
    },
  };
}

const longestVarintBytes = 8;

export function* readTextIndex(bytes: Uint8Array): Generator<TextIndexRow, void, undefined> {
  for (let place: TextIndexPlace | undefined = textIndexStart; place; ) {
    const read = readTextIndexRow(bytes, place);
    if (read) yield read.row;
    place = read?.next;
  }
}

/** Where to read on in an index. */
export interface TextIndexPlace {
  readonly position: number;
  /** Of the row before. */
  readonly seq: number;
}

export const textIndexStart: TextIndexPlace = { position: 0, seq: 0 };

/** The row at the place, and the place behind it; undefined at the end. */
export function readTextIndexRow(
  bytes: Uint8Array,
  place: TextIndexPlace,
): { readonly row: TextIndexRow; readonly next: TextIndexPlace } | undefined {
  let { position } = place;

  function read(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = bytes[position++];
      if (byte === undefined) throw new RangeError('the text index is cut off');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  if (position >= bytes.length) return undefined;
  const head = read();
  const seq = place.seq + Math.floor(head / 2);
  const choice = read();
  const textUnits = read();
  const row = { seq, choice, textUnits, tokens: head % 2 === 0 ? 1 : read() };
  return { row, next: { position, seq } };
}
