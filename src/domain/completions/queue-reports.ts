import type { CompletionId } from '../../contracts/ids.ts';
import type { JobPosition, Jobs } from '../../contracts/jobs.ts';
import type { Logger } from '../../contracts/logger.ts';
import { StaleProducerError, type TokenLog } from '../../contracts/token-log.ts';

const intervalMilliseconds = 1_000;

/** Tells the readers of waiting completions where they stand: on change, at most once a second. */
export interface QueueReports extends Disposable {
  /** Where it came into the line. */
  reportFirst(position: JobPosition): Promise<void>;
}

export function createQueueReports({ jobs, log, logger }: { jobs: Jobs; log: TokenLog; logger: Logger }): QueueReports {
  const reported = new Map<CompletionId, number>();
  /** Since the last look at the line: their second has not passed. */
  let justCome = new Set<CompletionId>();
  let reporting = false;

  async function reportChanges(): Promise<void> {
    const resting = justCome;
    justCome = new Set();
    const waiting = new Set<CompletionId>();
    for (const position of await jobs.positions()) {
      const id = position.completionId;
      waiting.add(id);
      if (!resting.has(id) && reported.get(id) !== position.position) await report(position);
    }
    for (const id of reported.keys()) if (!waiting.has(id) && !justCome.has(id)) reported.delete(id);
  }

  /** Epoch 0 is the waiting line's: once a runner writes, its word on the position is stale and dropped. */
  async function report({ completionId, position, estimatedWaitSeconds }: JobPosition): Promise<void> {
    reported.set(completionId, position);
    try {
      await log.append(completionId, 0, { type: 'queued', position, estimatedWaitSeconds });
    } catch (error) {
      if (!(error instanceof StaleProducerError)) throw error;
    }
  }

  const timer = setInterval(() => {
    if (reporting) return;
    reporting = true;
    reportChanges()
      .catch((error) => logger.warn({ err: error }, 'queue positions could not be reported'))
      .finally(() => {
        reporting = false;
      });
  }, intervalMilliseconds);
  timer.unref();

  return {
    async reportFirst(position) {
      justCome.add(position.completionId);
      if (!reported.has(position.completionId)) await report(position);
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
