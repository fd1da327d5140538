import { abortable } from './abortable.ts';

/** A counting semaphore in two classes: an extra slot is given only while nobody waits for a first one. */
export interface Slots {
  readonly total: number;
  readonly free: number;
  /** Of fewer, those that are held stay until they are given back. */
  resize(total: number): void;
  /** Waits for a slot; disposing the result (once or more) gives it back. Rejects with the signal's reason. */
  acquire(kind: 'first' | 'extra', signal: AbortSignal): Promise<Disposable>;
}

interface Waiter {
  readonly give: (slot: Disposable) => void;
}

export function createSlots(initially: number): Slots {
  const waiting = { first: [] as Waiter[], extra: [] as Waiter[] };
  let total = initially;
  let free = total;

  function takeSlot(): Disposable {
    free -= 1;
    let held = true;
    return {
      [Symbol.dispose]() {
        if (!held) return;
        held = false;
        free += 1;
        serve();
      },
    };
  }

  function serve(): void {
    while (free > 0) {
      const waiter = waiting.first.shift() ?? waiting.extra.shift();
      if (waiter === undefined) return;
      waiter.give(takeSlot());
    }
  }

  return {
    get total() {
      return total;
    },
    get free() {
      return Math.max(0, free);
    },
    resize(next) {
      free += next - total;
      total = next;
      serve();
    },
    acquire(kind, signal) {
      return abortable<Disposable>(signal, ({ resolve }) => {
        const line = waiting[kind];
        const waiter: Waiter = { give: resolve };
        line.push(waiter);
        serve();
        return () => line.splice(line.indexOf(waiter), 1);
      });
    },
  };
}
