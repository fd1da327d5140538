import { liesIn, type MemoryClaim, type PlaceBytes, placeClaim, withHolding } from './memory-place.ts';

/** A model in memory, as far as its having to leave depends on it. */
export interface Occupant {
  readonly state: 'out' | 'waiting' | 'in' | 'leaving';
  readonly holding: PlaceBytes;
  readonly uses: number;
  /** Rises with every use of any model. */
  readonly lastUse: number;
  readonly idleSince: number;
  /** When it got its room. */
  readonly since: number;
  /** Until then it need not make room for others. */
  readonly staysUntil: number;
}

export interface Victims<T> {
  /** Those that are to leave. */
  readonly leave: readonly T[];
  /** Where they are not enough: after how long the next one may be asked to; infinite where there is none. */
  readonly waitMilliseconds: number;
}

/** In which a client of a model that nobody uses may send its next request. */
const idleMomentMilliseconds = 500;

/**
 * Who makes room for a claim, besides those that are leaving already. Models that nobody uses leave, the least recently used first;
 * where that is not enough, those in use stop taking new uses, the longest resident first, but each only after it could work for as
 * long as it took to load. Within that time even a model without uses stays for a moment: else models would be loaded anew for every
 * request. Who holds nothing of the place that is short stays.
 */
export function chooseVictims<T extends Occupant>(
  claim: MemoryClaim,
  free: PlaceBytes,
  occupants: readonly T[],
  now: number,
): Victims<T> {
  const leave: T[] = [];
  let waitMilliseconds = Number.POSITIVE_INFINITY;
  let coming = free;
  for (const { holding } of occupants.filter(({ state }) => state === 'leaving')) coming = withHolding(coming, holding);
  let placement = placeClaim(claim, coming);
  for (const victim of inOrder(occupants)) {
    if (placement.type === 'placed') break;
    if (!liesIn(victim.holding, placement.shortages)) continue;
    const stays = staysUntil(victim) - now;
    if (stays > 0) {
      waitMilliseconds = Math.min(waitMilliseconds, stays);
      continue;
    }
    coming = withHolding(coming, victim.holding);
    placement = placeClaim(claim, coming);
    leave.push(victim);
  }
  return { leave, waitMilliseconds: placement.type === 'placed' ? Number.POSITIVE_INFINITY : waitMilliseconds };
}

function inOrder<T extends Occupant>(occupants: readonly T[]): T[] {
  const inside = occupants.filter(({ state }) => state === 'in');
  const idle = inside.filter(({ uses }) => uses === 0).sort((a, b) => a.lastUse - b.lastUse);
  const busy = inside.filter(({ uses }) => uses > 0).sort((a, b) => a.since - b.since);
  return [...idle, ...busy];
}

function staysUntil({ uses, staysUntil, idleSince }: Occupant): number {
  return uses > 0 ? staysUntil : Math.min(staysUntil, idleSince + idleMomentMilliseconds);
}
