import type { CompletionId } from '../../contracts/ids.ts';
import type { Logger } from '../../contracts/logger.ts';
import type { Checkpoint, CompletionStore } from '../../contracts/stores/completions.ts';
import { StoreUnavailableError } from '../../contracts/stores/store.ts';
import { type Progress, type ProgressMark, progressStart } from './progress.ts';
import { reservedSeqs } from './seqs.ts';

/** Stores what everything that runs gained, in one statement a tick, and keeps the leases of all unfinished work alive. */
export interface Checkpoints extends AsyncDisposable {
  /** From admission on: the lease is kept up. */
  addWaiting(id: CompletionId): void;
  addRunning(id: CompletionId, epoch: number, progress: Progress): void;
  remove(id: CompletionId): void;
}

export interface CheckpointsOptions {
  readonly completions: CompletionStore;
  /** How much of what runs a crash may lose, at most. */
  readonly lossMilliseconds: number;
  readonly leaseSeconds: number;
  readonly logger: Logger;
  readonly now?: () => Date;
}

interface Running {
  readonly epoch: number;
  readonly progress: Progress;
  storedVersion: number;
  /** Stays where it is until the database has answered: what it may not have stored is sent again, with what came since. */
  stored: ProgressMark;
}

export function createCheckpoints(options: CheckpointsOptions): Checkpoints {
  const { completions, lossMilliseconds, leaseSeconds, logger, now = () => new Date() } = options;
  const waiting = new Set<CompletionId>();
  const running = new Map<CompletionId, Running>();
  const renewalMilliseconds = (leaseSeconds * 1_000) / 4;
  let renewedAt = 0;
  let writing: Promise<void> | undefined;
  let isDue = false;

  async function write(): Promise<void> {
    const at = now();
    const renewing = at.getTime() - renewedAt >= renewalMilliseconds;
    const written: { state: Running; version: number; mark: ProgressMark }[] = [];
    const rows: Checkpoint[] = [];
    for (const [id, state] of running) {
      const { epoch, progress, storedVersion, stored } = state;
      if (progress.version === storedVersion && !renewing) continue;
      const { choices, textIndex, mark } = progress.gainSince(stored);
      written.push({ state, version: progress.version, mark });
      rows.push({
        id,
        epoch,
        afterSeq: stored.seq,
        choices,
        usage: progress.usage(),
        firstTokenAt: progress.firstTokenAt,
        reservedSeq: mark.seq + reservedSeqs,
        textIndex,
      });
    }
    // What runs may still be QUEUED in the store, whose start waits for the database.
    const renewal = renewing
      ? { until: new Date(at.getTime() + leaseSeconds * 1_000), waiting: [...waiting, ...running.keys()] }
      : null;
    if (rows.length === 0 && !renewal?.waiting.length) return;
    try {
      await completions.checkpoint(rows, renewal);
      for (const { state, version, mark } of written) {
        state.storedVersion = version;
        state.stored = mark;
      }
      if (renewing) renewedAt = at.getTime();
    } catch (error) {
      // The next tick tries again with what is newest; nothing is lost while the process lives.
      if (!(error instanceof StoreUnavailableError)) logger.error({ err: error }, 'checkpoint failed');
    }
  }

  function tick(): void {
    isDue = writing !== undefined;
    writing ??= write().finally(() => {
      writing = undefined;
      if (isDue) tick();
    });
  }

  // Twice in the period: a statement that is under way when the process dies is lost, too, so it has half of the period to itself.
  // After one that takes longer, the next begins at once.
  const timer = setInterval(tick, lossMilliseconds / 2);
  timer.unref();

  return {
    addWaiting(id) {
      waiting.add(id);
    },
    addRunning(id, epoch, progress) {
      waiting.delete(id);
      running.set(id, { epoch, progress, storedVersion: -1, stored: progressStart });
    },
    remove(id) {
      waiting.delete(id);
      running.delete(id);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      isDue = false;
      await writing;
    },
  };
}
