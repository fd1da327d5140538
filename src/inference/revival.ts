import type { ModelStatus } from '../contracts/inference.ts';
import type { PoolTiming } from './pool-timing.ts';

/**
 * Has a model that failed tried again without anybody asking for it: a server that is not ready gets no requests that would. The
 * pauses between tries double up to `reviveAtMostSeconds`, and begin anew once it was loaded.
 */
export interface Revival extends Disposable {
  /** Told at every change. */
  observe(status: ModelStatus): void;
  /** Until it fails again. */
  cancel(): void;
}

type RevivalTiming = Pick<PoolTiming, 'reloadSeconds' | 'reviveAtMostSeconds'>;

/** `revive` tries once, and has what became of it observed; it may reject. */
export function createRevival(timing: RevivalTiming, revive: () => Promise<void>): Revival {
  let tries = 0;
  let next: NodeJS.Timeout | undefined;
  let over = false;

  function cancel(): void {
    clearTimeout(next);
    next = undefined;
  }

  return {
    observe(status) {
      if (over) return;
      if (status === 'LOADED') tries = 0;
      if (status !== 'FAILED') return cancel();
      if (next !== undefined) return;
      const seconds = Math.min(timing.reloadSeconds * 2 ** tries, timing.reviveAtMostSeconds);
      tries += 1;
      next = setTimeout(() => {
        next = undefined;
        revive().catch(() => {});
      }, seconds * 1000);
      next.unref();
    },
    cancel,
    [Symbol.dispose]() {
      over = true;
      cancel();
    },
  };
}
