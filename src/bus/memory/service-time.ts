/** How long a job of a model occupies a slot, from when the model is ready: the moving average that waits are estimated from. */
export interface ServiceTime {
  measure(seconds: number): void;
  /** Seconds until `jobs` more have started, with all slots busy; null until something was measured. */
  secondsToStart(jobs: number, slots: number): number | null;
}

/** The last ten jobs or so make nine tenths of the average. */
const weightOfNewest = 0.2;

export function createServiceTime(): ServiceTime {
  let averageSeconds: number | null = null;
  return {
    measure(seconds) {
      const bounded = Math.max(seconds, 0);
      averageSeconds = averageSeconds === null ? bounded : averageSeconds + weightOfNewest * (bounded - averageSeconds);
    },
    secondsToStart: (jobs, slots) => (averageSeconds === null ? null : (averageSeconds * jobs) / Math.max(slots, 1)),
  };
}
