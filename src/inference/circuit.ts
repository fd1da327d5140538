import type { PoolTiming } from './pool-timing.ts';

/** Counts the crashes of one replica, and says when it had better stay down. */
export interface Circuit {
  /** Notes a crash: whether it is started again, and after how long, or that there were too many. */
  crashed(): Verdict;
  /** Forgets past crashes. */
  close(): void;
}

export type Verdict =
  | { readonly type: 'restart'; readonly afterSeconds: number }
  | { readonly type: 'open'; readonly crashes: number };

type CircuitTiming = Pick<PoolTiming, 'restartSeconds' | 'crashes' | 'crashWindowSeconds'>;

export function createCircuit(timing: CircuitTiming, now: () => number = Date.now): Circuit {
  let times: number[] = [];
  return {
    crashed() {
      const since = now() - timing.crashWindowSeconds * 1000;
      times = [...times.filter((time) => time > since), now()];
      if (times.length >= timing.crashes) return { type: 'open', crashes: times.length };
      return { type: 'restart', afterSeconds: timing.restartSeconds * 2 ** (times.length - 1) };
    },
    close() {
      times = [];
    },
  };
}
