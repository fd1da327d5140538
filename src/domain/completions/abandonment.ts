import type { CompletionId } from '../../contracts/ids.ts';
import type { Jobs } from '../../contracts/jobs.ts';
import type { Completion } from '../../contracts/stores/completions.ts';
import type { TokenLog } from '../../contracts/token-log.ts';

/**
 * Nothing is generated for nobody. A completion is cancelled when no reader has been attached for
 *
 * - WAIT: no time at all, or the grace period where it has an idempotency key (so that a retry can attach);
 * - STREAM: the grace period; or, before the first reader, `firstReaderSeconds`;
 * - BACKGROUND: never.
 */
export interface Abandonment extends Disposable {
  watch(completion: Completion): void;
  /** The completion ended. */
  forget(id: CompletionId): void;
}

export interface AbandonmentOptions {
  readonly log: TokenLog;
  readonly jobs: Jobs;
  readonly graceSeconds: number;
  readonly firstReaderSeconds: number;
}

interface Watch {
  unwatch: () => void;
  timer: NodeJS.Timeout | undefined;
}

export function createAbandonment({ log, jobs, graceSeconds, firstReaderSeconds }: AbandonmentOptions): Abandonment {
  const watches = new Map<CompletionId, Watch>();

  function forget(id: CompletionId): void {
    const watch = watches.get(id);
    if (!watch) return;
    watches.delete(id);
    watch.unwatch();
    clearTimeout(watch.timer);
  }

  return {
    watch({ id, mode, idempotencyKey }) {
      if (mode === 'BACKGROUND') return;
      const secondsAfterLast = mode === 'WAIT' && idempotencyKey === null ? 0 : graceSeconds;
      const abandon = () => void jobs.cancel(id, 'abandoned');
      const watch: Watch = { unwatch: () => {}, timer: undefined };
      let everRead = false;
      watches.set(id, watch);
      watch.unwatch = log.watchReaders(id, (attached) => {
        clearTimeout(watch.timer);
        if (attached > 0) {
          everRead = true;
          return;
        }
        const seconds = everRead ? secondsAfterLast : firstReaderSeconds;
        if (seconds === 0) return abandon();
        watch.timer = setTimeout(abandon, seconds * 1_000);
        watch.timer.unref();
      });
    },
    forget,
    [Symbol.dispose]() {
      for (const id of watches.keys()) forget(id);
    },
  };
}
