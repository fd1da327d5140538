import type { LogEvent } from '../contracts/token-log.ts';
import { createChoiceMerger } from '../lib/merge-choices.ts';

type DeltaEvent = Extract<LogEvent, { type: 'delta' }>;

/**
 * What a reader gets next from consecutive events: the one at the position, or the run that it starts, merged. An event that stands
 * alone is handed out as it is, the same object for every reader.
 */
export function nextEvent(events: readonly LogEvent[], position: number): LogEvent | undefined {
  const first = events[position];
  if (first?.type === 'delta') return mergeDeltas(events, position, first);
  if (first?.type === 'queued') return newestQueued(events, position);
  return first;
}

function newestQueued(events: readonly LogEvent[], position: number): LogEvent | undefined {
  let newest = position;
  while (events[newest + 1]?.type === 'queued') newest += 1;
  return events[newest];
}

function mergeDeltas(events: readonly LogEvent[], position: number, first: DeltaEvent): LogEvent {
  if (events[position + 1]?.type !== 'delta') return first;
  const merger = createChoiceMerger<DeltaEvent['choices'][number]>();
  let last = first;
  merger.add(first.choices);
  for (let next = position + 1; next < events.length; next += 1) {
    const event = events[next];
    if (event?.type !== 'delta' || !merger.fits(event.choices)) break;
    merger.add(event.choices);
    last = event;
  }
  return last === first ? first : { ...last, choices: merger.merged() };
}
