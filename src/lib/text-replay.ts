import { createChoiceMerger } from './merge-choices.ts';
import { readTextIndexRow, type TextIndexPlace, type TextIndexRow, textIndexStart } from './text-index.ts';

/** A delta as a reader of the log would have received it; `seq` is the last it covers. */
export interface ReplayedDelta {
  readonly seq: number;
  readonly choices: readonly { readonly index: number; readonly text: string; readonly tokens: number }[];
}

export interface ReplayableText {
  readonly index: Uint8Array;
  /** By choice. */
  readonly texts: readonly string[];
  readonly waypoints: readonly Waypoint[];
}

/** Where a replay can begin without reading what is before: the start of an event, and how far each choice's text had come. */
interface Waypoint {
  readonly place: TextIndexPlace;
  readonly offsets: readonly number[];
}

/** What one walk through an index tells of it. */
export interface TextIndexSurvey {
  readonly waypoints: readonly Waypoint[];
  /** By choice: the last seq that brought something of it. */
  readonly lastSeqs: ReadonlyMap<number, number>;
}

/** In rows: what a replay reads in vain, at most. */
const waypointDistance = 4_096;

export function surveyTextIndex(index: Uint8Array): TextIndexSurvey {
  const waypoints: Waypoint[] = [];
  const lastSeqs = new Map<number, number>();
  const offsets: number[] = [];
  let place = textIndexStart;
  let rows = 0;
  for (let read = readTextIndexRow(index, place); read; read = readTextIndexRow(index, place)) {
    const { seq, choice, textUnits } = read.row;
    if (rows >= waypointDistance && seq !== place.seq) {
      waypoints.push({ place, offsets: [...offsets] });
      rows = 0;
    }
    rows += 1;
    lastSeqs.set(choice, seq);
    offsets[choice] = (offsets[choice] ?? 0) + textUnits;
    place = read.next;
  }
  return { waypoints, lastSeqs };
}

/**
 * Goes through a stored text once, from beyond a seq to the end. It knows where it is, and holds nothing of what it reads: that is
 * given anew for each step, always the same text.
 */
export interface TextReplay {
  /**
   * The next delta, merged as the log merges for a late reader; undefined at the end. How a choice finished is not in the index: it
   * belongs to the last delta that names the choice.
   */
  next(text: ReplayableText): ReplayedDelta | undefined;
}

type Choice = ReplayedDelta['choices'][number];

export function createTextReplay(after: number): TextReplay {
  let place = textIndexStart;
  let offsets: number[] = [];
  const offsetOf = (choice: number) => offsets[choice] ?? 0;

  /** Several rows of one event may be of one choice. */
  function piecesOf(rows: readonly TextIndexRow[], texts: readonly string[]): Choice[] {
    const read: number[] = [];
    return rows.map(({ choice, textUnits, tokens }) => {
      const start = offsetOf(choice) + (read[choice] ?? 0);
      read[choice] = (read[choice] ?? 0) + textUnits;
      return { index: choice, text: (texts[choice] ?? '').slice(start, start + textUnits), tokens };
    });
  }

  return {
    next({ index, texts, waypoints }) {
      const waypoint = place === textIndexStart && waypoints.findLast(({ place: { seq } }) => seq <= after);
      if (waypoint) {
        place = waypoint.place;
        offsets = [...waypoint.offsets];
      }
      const merger = createChoiceMerger<Choice>();
      let lastSeq: number | undefined;
      for (let event = readEvent(index, place); event; event = readEvent(index, place)) {
        if (event.seq > after) {
          const choices = piecesOf(event.rows, texts);
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
