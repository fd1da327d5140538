import type { Clock } from './clock.ts';

/** One timer for any number of moments: it is set to the earliest, and never keeps the process alive. */
export interface Alarm extends Disposable {
  /** Rings at the moment (or as soon after as the loop allows) instead of when it was to ring; undefined: not at all. */
  set(moment: number | undefined): void;
}

const longestTimerMilliseconds = 2 ** 31 - 1;

/** `ring` may set the alarm again. Moments are milliseconds since the epoch, by the clock. */
export function createAlarm(clock: Clock, ring: () => void): Alarm {
  let timer: NodeJS.Timeout | undefined;
  let armedFor: number | undefined;

  function disarm(): void {
    clearTimeout(timer);
    timer = undefined;
    armedFor = undefined;
  }

  function arm(moment: number): void {
    const milliseconds = Math.min(Math.max(moment - clock().getTime(), 1), longestTimerMilliseconds);
    armedFor = moment;
    timer = setTimeout(() => {
      disarm();
      // Timers may fire a little early, and none can be set for longer than 25 days.
      if (clock().getTime() < moment) arm(moment);
      else ring();
    }, milliseconds).unref();
  }

  return {
    set(moment) {
      if (moment === armedFor) return;
      disarm();
      if (moment !== undefined) arm(moment);
    },
    [Symbol.dispose]: disarm,
  };
}
