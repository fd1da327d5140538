import { Heap } from '../../lib/heap.ts';

export interface Waiting {
  readonly key: string;
  readonly priority: number;
  /** Rises with every arrival. */
  readonly arrival: number;
  /** What its key's turn costs: the tokens that it may take, at least 1. */
  readonly tokens: number;
}

/** A key's account: `due` is the line's time at which its next item may start, `turn` tells accounts with the same due apart. */
interface Account {
  due: number;
  turn: number;
}

interface KeyLine<T> extends Account {
  readonly key: string;
  readonly waiting: Heap<T>;
}

/**
 * Who is next. Keys share in tokens: the line's time is counted in tokens, each start puts its key's next one off by what the item may
 * take, and the key that is due first goes first. So of two keys that both have something waiting, neither gets ahead of the
 * other by more than one item of each, however long their items are (start-time fair queueing). What an item took less in the end is given
 * back, so that over time keys share in what they take and not in what they ask for. A key that had nothing waiting joins at
 * the present time: it saves nothing up, and owes for what it started last. When nothing waits any more, all is forgiven: what was
 * taken while nobody waited was taken from nobody. Within a key: higher priority, then earlier arrival.
 */
export class FairLine<T extends Waiting> {
  readonly #keys = new Map<string, KeyLine<T>>();
  /** Keys with something waiting, the next one first. */
  readonly #turns = new Heap<KeyLine<T>>(isDueFirst);
  /** Keys with nothing waiting that are due later than now. */
  readonly #owing = new Map<string, Account>();
  /** What started since the line was empty last: what its key owes for. */
  #charged = new WeakSet<T>();
  #now = 0;
  #turn = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    let line = this.#keys.get(item.key);
    if (!line) {
      line = { key: item.key, waiting: new Heap<T>(goesFirst), ...this.#accountOf(item.key) };
      this.#keys.set(item.key, line);
      this.#turns.push(line);
    }
    line.waiting.push(item);
    this.#size += 1;
  }

  shift(): T | undefined {
    const line = this.#turns.shift();
    const item = line?.waiting.shift();
    if (!line || !item) return undefined;
    this.#size -= 1;
    this.#now = line.due;
    line.due += item.tokens;
    line.turn = ++this.#turn;
    if (line.waiting.size > 0) this.#turns.push(line);
    else this.#leave(line);
    this.#charged.add(item);
    this.#forgetSettled();
    return item;
  }

  /** What a started item took less than its tokens is its key's again; that puts it neither before now nor before one that is due as soon. */
  refund(item: T, tokens: number): void {
    if (!this.#charged.delete(item)) return;
    const { key } = item;
    const line = this.#keys.get(key);
    if (line) {
      this.#turns.remove(line);
      line.due = Math.max(line.due - tokens, this.#now);
      line.turn = ++this.#turn;
      this.#turns.push(line);
      return;
    }
    const owing = this.#owing.get(key);
    if (!owing) return;
    owing.due -= tokens;
    owing.turn = ++this.#turn;
    if (owing.due <= this.#now) this.#owing.delete(key);
  }

  /** Says whether the item was there. */
  remove(item: T): boolean {
    const line = this.#keys.get(item.key);
    if (!line?.waiting.remove(item)) return false;
    this.#size -= 1;
    if (line.waiting.size === 0) {
      this.#turns.remove(line);
      this.#leave(line);
      this.#forgetSettled();
    }
    return true;
  }

  /** All of the waiting, in no particular order. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (const { waiting } of this.#keys.values()) yield* waiting;
  }

  /** How many of the waiting start before the item, which must be one of them. */
  positionOf(item: T): number {
    let position = 0;
    for (const other of this.inStartOrder()) {
      if (other === item) return position;
      position += 1;
    }
    throw new Error('the item does not wait');
  }

  /** All of the waiting, in the order in which they start. */
  *inStartOrder(): Generator<T, void, undefined> {
    const turns = new Heap<Foretold<T>>(isDueFirst);
    for (const { due, turn, waiting } of this.#keys.values()) {
      turns.push({ due, turn, left: [...waiting].sort((a, b) => (goesFirst(a, b) ? 1 : -1)) });
    }
    let turn = this.#turn;
    for (let next = turns.shift(); next; next = turns.shift()) {
      const item = next.left.pop()!;
      yield item;
      next.due += item.tokens;
      next.turn = ++turn;
      if (next.left.length > 0) turns.push(next);
    }
  }

  #accountOf(key: string): Account {
    const owing = this.#owing.get(key);
    this.#owing.delete(key);
    // One that left long ago may owe nothing any more: nobody starts in the past.
    return owing && owing.due > this.#now ? owing : { due: this.#now, turn: ++this.#turn };
  }

  #leave({ key, due, turn }: KeyLine<T>): void {
    this.#keys.delete(key);
    if (due > this.#now) this.#owing.set(key, { due, turn });
  }

  /** In the order in which they left, which is nearly that of their dues: what stays a little longer is harmless. */
  #forgetSettled(): void {
    if (this.#size === 0) {
      this.#owing.clear();
      this.#charged = new WeakSet();
    }
    for (const [key, { due }] of this.#owing) {
      if (due > this.#now) return;
      this.#owing.delete(key);
    }
  }
}

interface Foretold<T> extends Account {
  readonly left: T[];
}

function isDueFirst(a: Account, b: Account): boolean {
  return a.due === b.due ? a.turn < b.turn : a.due < b.due;
}

function goesFirst(a: Waiting, b: Waiting): boolean {
  return a.priority === b.priority ? a.arrival < b.arrival : a.priority > b.priority;
}
