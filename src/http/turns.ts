/**
 * How many results of one connection are under way at once, from the moment that a result is made until it was sent. Whoever has no
 * turn holds an offset instead of a message, so that what a connection costs does not grow with what it subscribed to.
 */
export interface Turns {
  /** In the order of asking. A turn that the signal's abort cut short is worth nothing; giving it back is harmless. */
  take(signal: AbortSignal): Promise<Disposable>;
}

export function createTurns(most: number): Turns {
  const waiting = new Set<() => void>();
  let taken = 0;

  function createTurn(): Disposable {
    let held = true;
    taken += 1;
    return {
      [Symbol.dispose]() {
        if (!held) return;
        held = false;
        taken -= 1;
        for (const grant of waiting) if (taken < most) grant();
      },
    };
  }

  return {
    take(signal) {
      if (signal.aborted) return Promise.resolve(noTurn);
      if (taken < most) return Promise.resolve(createTurn());
      return new Promise((resolve) => {
        function settle(turn: Disposable): void {
          waiting.delete(grant);
          signal.removeEventListener('abort', leave);
          resolve(turn);
        }
        const grant = () => settle(createTurn());
        const leave = () => settle(noTurn);
        waiting.add(grant);
        signal.addEventListener('abort', leave, { once: true });
      });
    },
  };
}

const noTurn: Disposable = { [Symbol.dispose]() {} };
