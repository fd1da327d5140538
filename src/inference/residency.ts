import type { PoolPlace } from '../contracts/pool.ts';
import type { Settle } from '../lib/settle.ts';
import { abortable } from './abortable.ts';
import { chooseVictims } from './eviction.ts';
import { engineStopped } from './failures.ts';
import { liesIn, type MemoryClaim, type Place, type PlaceBytes, placeClaim, withoutHoldings } from './memory-place.ts';

/**
 * Which models are in memory, within what each place of it holds. A model is a *resident*:
 *
 *     out ──use──▶ waiting ──room──▶ in ──unload · kept long enough · room for another──▶ leaving ──▶ out
 *      ▲              │              ▲                                                      │
 *      └─nobody waits─┘              └───────── those who wanted its room are gone ─────────┘
 *
 * - waiting: its need is measured, then it stands in line. Room of a place is given in the order in which models asked for it.
 * - in: uses are granted at once. A model that is in use never leaves.
 * - leaving: uses that run end in peace, new ones wait; with the last one its processes end. Whoever waits then asks for room
 *   again, at the end of the line: so models that fit only one at a time take turns, and none starves.
 *
 * Who has to leave for whom is in eviction.ts.
 */
export interface Residency extends Disposable {
  join(options: ResidentOptions): Resident;
  /** Empty until the first model asked. */
  places(): readonly PoolPlace[];
}

export interface ResidencyOptions {
  /** What each place holds; asked once, by the first model that wants in. */
  readonly capacities: () => Promise<PlaceBytes>;
}

export interface ResidentOptions {
  readonly name: string;
  /** How long it stays without being used; null is for ever. */
  readonly keepAliveSeconds: number | null;
  /** What it takes, and alone would find; asked each time it wants in. Throws where it never fits, or cannot be opened. */
  readonly claim: () => Promise<MemoryClaim>;
  /** Ends its processes; nobody uses it. */
  readonly unload: () => Promise<void>;
  readonly changed: () => void;
}

export type ResidentState = 'out' | 'waiting' | 'in' | 'leaving';

export interface Resident {
  readonly state: ResidentState;
  /** Bytes set aside for it. */
  readonly bytes: number;
  /**
   * Waits until it is in memory and keeps it there until disposed. Rejects with the signal's reason, at once, and with what its
   * claim throws.
   */
  use(signal: AbortSignal): Promise<Disposable>;
  /** The same, but only where it fits without another having to leave; else undefined. */
  useIfFree(): Promise<Disposable | undefined>;
  /** It can work now: from here its right to stay counts. */
  loaded(): void;
  /** Resolves when it is out of memory, which its running uses delay. */
  leave(): Promise<void>;
}

interface Entry {
  readonly options: ResidentOptions;
  state: ResidentState;
  claim: MemoryClaim;
  /** Where its claim lies, while it is in or leaving. */
  holding: PlaceBytes;
  uses: number;
  lastUse: number;
  idleSince: number;
  /** When it got its room. */
  since: number;
  /** Until then it need not make room for others. */
  staysUntil: number;
  readonly waiters: Set<Settle<Disposable>>;
  /** Rises with every request for room, so that a measurement that comes too late changes nothing. */
  asks: number;
  /** Why it is leaving; one that was only asked for its room may stay after all. */
  leavingFor: 'room' | 'good';
  ending: boolean;
  readonly leavers: Set<() => void>;
  keepAlive: NodeJS.Timeout | undefined;
}

export function createResidency(options: ResidencyOptions): Residency {
  const entries = new Set<Entry>();
  const line: Entry[] = [];
  let capacities: PlaceBytes = nowhere;
  let reading: Promise<PlaceBytes> | undefined;
  let patience: NodeJS.Timeout | undefined;
  let uses = 0;

  async function measure(entry: Entry): Promise<MemoryClaim> {
    reading ??= options.capacities();
    const [read, claim] = await Promise.all([reading, entry.options.claim()]);
    capacities = read;
    return claim;
  }

  function freeBytes(): Map<Place, number> {
    return withoutHoldings(
      capacities,
      [...entries].map(({ holding }) => holding),
    );
  }

  function move(entry: Entry, state: ResidentState): void {
    entry.state = state;
    entry.options.changed();
  }

  async function ask(entry: Entry): Promise<void> {
    const ask = ++entry.asks;
    move(entry, 'waiting');
    try {
      const claim = await measure(entry);
      if (ask !== entry.asks) return;
      entry.claim = claim;
      line.push(entry);
      serve();
    } catch (error) {
      if (ask !== entry.asks) return;
      move(entry, 'out');
      refuse(entry, error);
    }
  }

  function refuse(entry: Entry, error: unknown): void {
    const refused = [...entry.waiters];
    entry.waiters.clear();
    for (const waiter of refused) waiter.reject(error);
  }

  function withdraw(entry: Entry): void {
    if (entry.state !== 'waiting' || entry.waiters.size > 0) return;
    entry.asks += 1;
    const place = line.indexOf(entry);
    if (place >= 0) line.splice(place, 1);
    move(entry, 'out');
    serve();
  }

  /** Nobody overtakes another who wants room in the same place. */
  function serve(): void {
    clearTimeout(patience);
    let waitMilliseconds = Number.POSITIVE_INFINITY;
    const unserved: Entry[] = [];
    for (const next of [...line]) {
      const placement = unserved.some((before) => competes(before, next))
        ? undefined
        : placeClaim(next.claim, freeBytes());
      if (placement?.type === 'placed') {
        line.splice(line.indexOf(next), 1);
        enter(next, placement.holding);
      } else {
        unserved.push(next);
        if (placement !== undefined) waitMilliseconds = Math.min(waitMilliseconds, makeRoom(next));
      }
    }
    stayWhereNobodyWants();
    if (waitMilliseconds === Number.POSITIVE_INFINITY) return;
    patience = setTimeout(serve, waitMilliseconds);
    patience.unref();
  }

  function enter(entry: Entry, holding: PlaceBytes): void {
    entry.holding = holding;
    entry.since = Date.now();
    entry.staysUntil = Number.POSITIVE_INFINITY;
    move(entry, 'in');
    grantAll(entry);
  }

  function stayWhereNobodyWants(): void {
    for (const entry of entries) {
      if (entry.state !== 'leaving' || entry.leavingFor !== 'room' || entry.ending) continue;
      if (line.some(({ claim }) => liesIn(entry.holding, claim.parts))) continue;
      move(entry, 'in');
      grantAll(entry);
    }
  }

  /** Says after how long it is worth trying again, because somebody who has to leave may still stay for so long. */
  function makeRoom({ claim }: Entry): number {
    const { leave, waitMilliseconds } = chooseVictims(claim, freeBytes(), [...entries], Date.now());
    for (const victim of leave) startLeaving(victim, 'room');
    return waitMilliseconds;
  }

  function startLeaving(entry: Entry, leavingFor: Entry['leavingFor']): void {
    clearTimeout(entry.keepAlive);
    entry.leavingFor = leavingFor;
    move(entry, 'leaving');
    if (entry.uses === 0) void end(entry);
  }

  async function end(entry: Entry): Promise<void> {
    entry.ending = true;
    await entry.options.unload();
    entry.ending = false;
    entry.holding = nowhere;
    move(entry, 'out');
    for (const left of entry.leavers) left();
    entry.leavers.clear();
    if (entry.waiters.size > 0) void ask(entry);
    serve();
  }

  function grant(entry: Entry): Disposable {
    clearTimeout(entry.keepAlive);
    entry.uses += 1;
    entry.lastUse = ++uses;
    let held = true;
    return {
      [Symbol.dispose]() {
        if (!held) return;
        held = false;
        release(entry);
      },
    };
  }

  function grantAll(entry: Entry): void {
    const granted = [...entry.waiters];
    entry.waiters.clear();
    for (const waiter of granted) waiter.resolve(grant(entry));
  }

  function release(entry: Entry): void {
    entry.uses -= 1;
    entry.lastUse = ++uses;
    entry.idleSince = Date.now();
    if (entry.uses > 0) return;
    if (entry.state === 'leaving') void end(entry);
    else {
      const { keepAliveSeconds } = entry.options;
      if (keepAliveSeconds !== null) {
        entry.keepAlive = setTimeout(startLeaving, keepAliveSeconds * 1000, entry, 'good');
        entry.keepAlive.unref();
      }
      serve();
    }
  }

  return {
    places() {
      const free = freeBytes();
      return [...capacities].map(([name, bytes]) => ({ name, bytes, reservedBytes: bytes - free.get(name)! }));
    },

    join(options) {
      const entry: Entry = {
        options,
        state: 'out',
        claim: { bytes: 0, parts: [] },
        holding: nowhere,
        uses: 0,
        lastUse: 0,
        idleSince: 0,
        since: 0,
        staysUntil: 0,
        waiters: new Set(),
        asks: 0,
        leavingFor: 'good',
        ending: false,
        leavers: new Set(),
        keepAlive: undefined,
      };
      entries.add(entry);
      return {
        get state() {
          return entry.state;
        },
        get bytes() {
          return entry.holding === nowhere ? 0 : entry.claim.bytes;
        },
        use: (signal) =>
          abortable<Disposable>(signal, (waiter) => {
            if (entry.state === 'in') {
              waiter.resolve(grant(entry));
              return () => {};
            }
            entry.waiters.add(waiter);
            if (entry.state === 'out') void ask(entry);
            return () => {
              entry.waiters.delete(waiter);
              withdraw(entry);
            };
          }),
        async useIfFree() {
          const claim = await measure(entry);
          if (entry.state === 'in') return grant(entry);
          if (entry.state !== 'out' || line.length > 0) return undefined;
          const placement = placeClaim(claim, freeBytes());
          if (placement.type === 'short') return undefined;
          entry.claim = claim;
          enter(entry, placement.holding);
          return grant(entry);
        },
        loaded() {
          if (entry.staysUntil !== Number.POSITIVE_INFINITY) return;
          entry.staysUntil = Date.now() + (Date.now() - entry.since);
          serve();
        },
        leave() {
          if (entry.state === 'out' || entry.state === 'waiting') return Promise.resolve();
          return new Promise((resolve) => {
            entry.leavers.add(resolve);
            if (entry.state === 'in') startLeaving(entry, 'good');
            else entry.leavingFor = 'good';
          });
        },
      };
    },

    [Symbol.dispose]() {
      clearTimeout(patience);
      for (const entry of entries) {
        clearTimeout(entry.keepAlive);
        refuse(entry, engineStopped());
      }
    },
  };
}

const nowhere: PlaceBytes = new Map();

function competes({ claim: one }: Entry, { claim: other }: Entry): boolean {
  return one.parts.some(({ places }) =>
    places.some((place) => other.parts.some((part) => part.places.includes(place))),
  );
}
