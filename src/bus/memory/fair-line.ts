import { Heap } from '../../lib/heap.ts';
import { LinkedList, type LinkedNode } from '../../lib/linked-list.ts';

export interface Waiting {
  readonly key: string;
  readonly priority: number;
  /** Rises with every arrival. */
  readonly arrival: number;
}

interface KeyLine<T> {
  readonly key: string;
  readonly waiting: Heap<T>;
  /** Its place among the turns. */
  turn: LinkedNode<KeyLine<T>> | undefined;
}

/**
 * Who is next. Keys take turns: each start moves its key behind the others, and a key that had nothing waiting joins at the end, so
 * between two starts of a key that waits every other key starts at most once. Within a key: higher priority, then earlier arrival.
 */
export class FairLine<T extends Waiting> {
  readonly #keys = new Map<string, KeyLine<T>>();
  /** Keys with something waiting, the next one first. */
  readonly #turns = new LinkedList<KeyLine<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    let line = this.#keys.get(item.key);
    if (!line) {
      line = { key: item.key, waiting: new Heap<T>(goesFirst), turn: undefined };
      line.turn = this.#turns.push(line);
      this.#keys.set(item.key, line);
    }
    line.waiting.push(item);
    this.#size += 1;
  }

  shift(): T | undefined {
    const line = this.#turns.first;
    const item = line?.waiting.shift();
    if (!line || !item) return undefined;
    this.#size -= 1;
    this.#leaveTurns(line);
    if (line.waiting.size > 0) line.turn = this.#turns.push(line);
    else this.#keys.delete(line.key);
    return item;
  }

  /** Says whether the item was there. */
  remove(item: T): boolean {
    const line = this.#keys.get(item.key);
    if (!line?.waiting.remove(item)) return false;
    this.#size -= 1;
    if (line.waiting.size === 0) {
      this.#leaveTurns(line);
      this.#keys.delete(line.key);
    }
    return true;
  }

  /** How many of the waiting start before the item, which must be one of them. */
  positionOf(item: T): number {
    const own = this.#keys.get(item.key);
    if (!own) throw new Error('the item does not wait');
    let rank = 0;
    for (const other of own.waiting) if (goesFirst(other, item)) rank += 1;
    let position = rank;
    let ownTurnSeen = false;
    for (const line of this.#turns) {
      if (line === own) ownTurnSeen = true;
      else position += Math.min(line.waiting.size, ownTurnSeen ? rank : rank + 1);
    }
    return position;
  }

  /** All of the waiting, in the order in which they start. */
  *inStartOrder(): Generator<T, void, undefined> {
    let round = [...this.#turns].map(({ waiting }) => [...waiting].sort((a, b) => (goesFirst(a, b) ? 1 : -1)));
    while (round.length > 0) {
      for (const line of round) yield line.pop()!;
      round = round.filter((line) => line.length > 0);
    }
  }

  #leaveTurns(line: KeyLine<T>): void {
    if (line.turn) this.#turns.remove(line.turn);
    line.turn = undefined;
  }
}

function goesFirst(a: Waiting, b: Waiting): boolean {
  return a.priority === b.priority ? a.arrival < b.arrival : a.priority > b.priority;
}
