export interface PoolTiming {
  /** An engine or tokenizer that answers no heartbeat for so long is killed. */
  readonly hangSeconds: number;
  /** An engine whose running step does not end for so long is killed. */
  readonly stallSeconds: number;
  /** Before the second start after a crash; doubled for each further crash in the window. */
  readonly restartSeconds: number;
  /** So many crashes within the window, and the replica stays down for the pause. */
  readonly crashes: number;
  readonly crashWindowSeconds: number;
  readonly pauseSeconds: number;
  /** A model that could not be loaded is tried again by the first request after this, or by itself, in pauses that double up to the most. */
  readonly reloadSeconds: number;
  readonly reviveAtMostSeconds: number;
}

export const defaultTiming: PoolTiming = {
  hangSeconds: 10,
  stallSeconds: 120,
  restartSeconds: 0.25,
  crashes: 3,
  crashWindowSeconds: 60,
  pauseSeconds: 30,
  reloadSeconds: 5,
  reviveAtMostSeconds: 120,
};
