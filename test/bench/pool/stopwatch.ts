import { median } from '../table.ts';
import type { Measured } from './messages.ts';

export interface Stopwatch {
  /** A stream got one or more tokens. */
  token(stream: number): void;
  measured(tokens: number): Measured;
}

export function createStopwatch(streams: number): Stopwatch {
  const began = performance.now();
  const latest = Array.from({ length: streams }, () => 0);
  const firsts: number[] = [];
  const between: number[] = [];
  let last = began;
  return {
    token(stream) {
      last = performance.now();
      if (latest[stream] === 0) firsts.push(last - began);
      else between.push(last - latest[stream]!);
      latest[stream] = last;
    },
    measured: (tokens) => ({
      tokensPerSecond: (tokens * 1_000) / (last - began),
      firstTokenP50: firsts.length > 0 ? median(firsts) : 0,
      betweenP99: between.sort((a, b) => a - b)[Math.floor(between.length * 0.99)] ?? 0,
    }),
  };
}
