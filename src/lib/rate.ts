import { type Clock, systemClock } from './clock.ts';

/** How much of something there was per second, lately. */
export interface Rate {
  add(amount: number): void;
  perSecond(): number;
}

/** Over a window of so many seconds, at least two, the one that runs included. What happened before is forgotten. */
export function createRate(windowSeconds: number, clock: Clock = systemClock): Rate {
  const amounts = new Array<number>(windowSeconds).fill(0);
  let latest = 0;

  function moveTo(second: number): void {
    const passed = Math.min(Math.max(second - latest, 0), windowSeconds);
    latest = Math.max(latest, second);
    for (let back = 0; back < passed; back++) amounts[(latest - back) % windowSeconds] = 0;
  }

  return {
    add(amount) {
      moveTo(Math.floor(clock().getTime() / 1_000));
      amounts[latest % windowSeconds]! += amount;
    },
    perSecond() {
      const seconds = clock().getTime() / 1_000;
      moveTo(Math.floor(seconds));
      const sum = amounts.reduce((total, amount) => total + amount, 0);
      return sum / (windowSeconds - 1 + (seconds - Math.floor(seconds)));
    },
  };
}
