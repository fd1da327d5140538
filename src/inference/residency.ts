import { DomainError } from '../contracts/errors.ts';
import { abortable, type Settle } from './abortable.ts';

/**
 * Which models are in memory, within a budget. A model is a *resident*:
 *
 *     out ──use──▶ waiting ──room──▶ in ──unload · kept long enough · room for another──▶ leaving ──▶ out
 *      ▲              │              ▲                                                      │
 *      └─nobody waits─┘              └───────── those who wanted its room are gone ─────────┘
 *
 * - waiting: its need is measured, then it stands in line. Room is given in the order in which models asked for it.
 * - in: uses are granted at once. A model that is in use never leaves.
 * - leaving: uses that run end in peace, new ones wait; with the last one its processes end. Whoever waits then asks for room
 *   again, at the end of the line: so models that fit only one at a time take turns, and none starves.
 *
 * To make room, models that nobody uses leave, the least recently used first. Where that is not enough, those in use stop taking
 * new uses, the longest resident first, but each only after it could work for as long as it took to load. Within that time even
 * a model without uses stays for a moment, in which the next request of its clients may come: else models would be loaded anew
 * for every request.
 */
export interface Residency extends Disposable {
  join(options: ResidentOptions): Resident;
  /** Null until the first model asked. */
  readonly budgetBytes: number | null;
}

export interface MemoryBudget {
  /** What all models may take together. */
  readonly bytes: number;
  /** What one model may take where it is alone: more than `bytes` where a model may lie partly outside the device. */
  readonly largestBytes: number;
}

export interface ResidencyOptions {
  /** Asked once, by the first model that wants in. */
  readonly budget: () => Promise<MemoryBudget>;
}

export interface ResidentOptions {
  readonly name: string;
  /** How long it stays without being used; null is for ever. */
  readonly keepAliveSeconds: number | null;
  /** What it takes, asked each time it wants in. Throws where the model cannot be opened. */
  readonly bytes: () => Promise<number>;
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
   * Waits until it is in memory and keeps it there until disposed. Rejects with the signal's reason, at once; with
   * MODEL_UNAVAILABLE where it could never fit.
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
  bytes: number;
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

export function createResidency({ budget: readBudget }: ResidencyOptions): Residency {
  const entries = new Set<Entry>();
  const line: Entry[] = [];
  let budget: MemoryBudget | undefined;
  let reading: Promise<MemoryBudget> | undefined;
  let patience: NodeJS.Timeout | undefined;
  let uses = 0;

  async function measure(entry: Entry): Promise<number> {
    reading ??= readBudget();
    const [read, bytes] = await Promise.all([reading, entry.options.bytes()]);
    budget = read;
    if (bytes > read.largestBytes) throw tooLarge(entry.options.name, bytes, read.largestBytes);
    return Math.min(bytes, read.bytes);
  }

  function freeBytes(): number {
    let taken = 0;
    for (const { bytes, state } of entries) if (state === 'in' || state === 'leaving') taken += bytes;
    return budget!.bytes - taken;
  }

  function move(entry: Entry, state: ResidentState): void {
    entry.state = state;
    entry.options.changed();
  }

  async function ask(entry: Entry): Promise<void> {
    const ask = ++entry.asks;
    move(entry, 'waiting');
    try {
      const bytes = await measure(entry);
      if (ask !== entry.asks) return;
      entry.bytes = bytes;
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

  function serve(): void {
    clearTimeout(patience);
    for (let next = line[0]; next; next = line[0]) {
      const missing = next.bytes - freeBytes();
      if (missing > 0) {
        makeRoom(missing);
        return;
      }
      line.shift();
      enter(next);
    }
    for (const entry of entries) if (entry.state === 'leaving' && entry.leavingFor === 'room') stayAfterAll(entry);
  }

  function enter(entry: Entry): void {
    entry.since = Date.now();
    entry.staysUntil = Number.POSITIVE_INFINITY;
    move(entry, 'in');
    grantAll(entry);
  }

  function stayAfterAll(entry: Entry): void {
    if (entry.ending) return;
    move(entry, 'in');
    grantAll(entry);
  }

  function makeRoom(missing: number): void {
    let coming = 0;
    for (const { state, bytes } of entries) if (state === 'leaving') coming += bytes;
    let wait = Number.POSITIVE_INFINITY;
    for (const victim of victims()) {
      if (coming >= missing) break;
      const stays = staysUntil(victim) - Date.now();
      if (stays > 0) {
        wait = Math.min(wait, stays);
        continue;
      }
      coming += victim.bytes;
      startLeaving(victim, 'room');
    }
    if (coming >= missing || wait === Number.POSITIVE_INFINITY) return;
    patience = setTimeout(serve, wait);
    patience.unref();
  }

  function victims(): Entry[] {
    const inside = [...entries].filter(({ state }) => state === 'in');
    const idle = inside.filter((entry) => entry.uses === 0).sort((a, b) => a.lastUse - b.lastUse);
    const busy = inside.filter((entry) => entry.uses > 0).sort((a, b) => a.since - b.since);
    return [...idle, ...busy];
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
    entry.bytes = 0;
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
    get budgetBytes() {
      return budget?.bytes ?? null;
    },

    join(options) {
      const entry: Entry = {
        options,
        state: 'out',
        bytes: 0,
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
          return entry.state === 'waiting' ? 0 : entry.bytes;
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
          const bytes = await measure(entry);
          if (entry.state === 'in') return grant(entry);
          if (entry.state !== 'out' || line.length > 0 || bytes > freeBytes()) return undefined;
          entry.bytes = bytes;
          enter(entry);
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
        refuse(entry, new DomainError('MODEL_UNAVAILABLE', 'The engine was stopped.', { retryAfterSeconds: 1 }));
      }
    },
  };
}

const idleMomentMilliseconds = 500;

function staysUntil({ uses, staysUntil, idleSince }: Entry): number {
  return uses > 0 ? staysUntil : Math.min(staysUntil, idleSince + idleMomentMilliseconds);
}

function tooLarge(name: string, bytes: number, largestBytes: number): DomainError {
  const message = `The model ${name} needs ${shown(bytes)} of memory, and models may take ${shown(largestBytes)} (limits.modelMemoryBytes).`;
  return new DomainError('MODEL_UNAVAILABLE', message);
}

function shown(bytes: number): string {
  const gibibytes = bytes / 2 ** 30;
  return gibibytes >= 1 ? `${gibibytes.toFixed(1)} GiB` : `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
