/**
 * How many results of one connection are under way at once, from the moment that a result is made until it was sent. Whoever has no
 * turn holds an offset instead of a message, so that what a connection costs does not grow with what it subscribed to.
 */
export interface Turns {
  /** Takes a turn where one is free. */
  tryTake(): boolean;
  /** Takes a turn, in the order of asking; false where the signal's abort cut the wait short. */
  take(signal: AbortSignal): Promise<boolean>;
  /** Gives back one that was taken. */
  give(): void;
}

export function createTurns(most: number): Turns {
  const waiting = new Set<() => void>();
  let taken = 0;

  function tryTake(): boolean {
    if (taken >= most) return false;
    taken += 1;
    return true;
  }

  return {
    tryTake,
    take(signal) {
      if (signal.aborted) return Promise.resolve(false);
      if (tryTake()) return Promise.resolve(true);
      return new Promise((resolve) => {
        function settle(granted: boolean): void {
          waiting.delete(grant);
          signal.removeEventListener('abort', leave);
          resolve(granted);
        }
        const grant = () => settle(true);
        const leave = () => settle(false);
        waiting.add(grant);
        signal.addEventListener('abort', leave, { once: true });
      });
    },
    give() {
      const [next] = waiting;
      // Handed on as it is, so that nobody comes between.
      if (next) next();
      else taken -= 1;
    },
  };
}
