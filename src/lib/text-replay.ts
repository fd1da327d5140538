import { createChoiceMerger } from './merge-choices.ts';
import { readTextIndexRow, type TextIndexPlace, type TextIndexRow, textIndexStart } from './text-index.ts';

/** A delta as a reader of the log would have received it; `seq` is the last it covers. */
export interface ReplayedDelta {
  readonly seq: number;
  readonly choices: readonly { readonly index: number; readonly text: string; readonly tokens: number }[];
}

/**
 * Goes through a stored text once, from beyond a seq to the end. It knows where it is, and holds nothing of what it reads: that is
 * given anew for each step, always the same index and the same texts of the choices.
 */
export interface TextReplay {
  /**
   * The next delta, merged as the log merges for a late reader; undefined at the end. How a choice finished is not in the index: it
   * belongs to the last delta that names the choice.
   */
  next(index: Uint8Array, choiceTexts: readonly string[]): ReplayedDelta | undefined;
}

type Choice = ReplayedDelta['choices'][number];

export function createTextReplay(after: number): TextReplay {
  let place = textIndexStart;
  const offsets: number[] = [];
  const offsetOf = (choice: number) => offsets[choice] ?? 0;

  /** Several rows of one event may be of one choice. */
  function piecesOf(rows: readonly TextIndexRow[], choiceTexts: readonly string[]): Choice[] {
    const read: number[] = [];
    return rows.map(({ choice, textUnits, tokens }) => {
      const start = offsetOf(choice) + (read[choice] ?? 0);
      read[choice] = (read[choice] ?? 0) + textUnits;
      return { index: choice, text: (choiceTexts[choice] ?? '').slice(start, start + textUnits), tokens };
    });
  }

  return {
    next(index, choiceTexts) {
      const merger = createChoiceMerger<Choice>();
      let lastSeq: number | undefined;
      for (let event = readEvent(index, place); event; event = readEvent(index, place)) {
        if (event.seq > after) {
          const choices = piecesOf(event.rows, choiceTexts);
          if (lastSeq !== undefined && !merger.fits(choices)) break;
          merger.add(choices);
          lastSeq = event.seq;
        }
        for (const { choice, textUnits } of event.rows) offsets[choice] = offsetOf(choice) + textUnits;
        place = event.next;
      }
      return lastSeq === undefined ? undefined : { seq: lastSeq, choices: merger.merged().map(withOwnText) };
    },
  };
}

/** A slice of a long string keeps all of it in memory, and a reader may hold its event for as long as its socket is full. */
function withOwnText(choice: Choice): Choice {
  return { ...choice, text: `\0${choice.text}`.slice(1) };
}

/** The rows of one seq are one event: it is received whole or not at all. */
function readEvent(index: Uint8Array, start: TextIndexPlace) {
  const rows: TextIndexRow[] = [];
  let next = start;
  for (let read = readTextIndexRow(index, start); read; read = readTextIndexRow(index, next)) {
    if (rows[0] && rows[0].seq !== read.row.seq) break;
    rows.push(read.row);
    next = read.next;
  }
  return rows[0] && { seq: rows[0].seq, rows, next };
}
