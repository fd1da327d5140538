import { type Clock, systemClock } from '../lib/clock.ts';
import { createRate } from '../lib/rate.ts';

/** What an engine gives, lately. */
export interface Throughput {
  /** Tokens that came of the engine's step of that number. */
  add(tokens: number, step: number): void;
  perSecond(): number;
  /** The mean batch: how many tokens a step gave; undefined where none gave any. */
  perStep(): number | undefined;
}

export function createThroughput(windowSeconds: number, clock: Clock = systemClock): Throughput {
  const tokenRate = createRate(windowSeconds, clock);
  const stepRate = createRate(windowSeconds, clock);
  let lastStep: number | undefined;
  return {
    add(tokens, step) {
      if (tokens === 0) return;
      tokenRate.add(tokens);
      if (step !== lastStep) stepRate.add(1);
      lastStep = step;
    },
    perSecond: () => tokenRate.perSecond(),
    perStep() {
      const steps = stepRate.perSecond();
      return steps > 0 ? tokenRate.perSecond() / steps : undefined;
    },
  };
}
