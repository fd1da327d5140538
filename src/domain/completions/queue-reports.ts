import type { CompletionId } from '../../contracts/ids.ts';
import type { JobPosition, Jobs } from '../../contracts/jobs.ts';
import type { Logger } from '../../contracts/logger.ts';
import { StaleProducerError, type TokenLog } from '../../contracts/token-log.ts';

const intervalMilliseconds = 1_000;

/** Tells the readers of waiting completions where they stand: on change, at most once a second. */
export function createQueueReports({ jobs, log, logger }: { jobs: Jobs; log: TokenLog; logger: Logger }): Disposable {
  let reported = new Map<CompletionId, number>();
  let reporting = false;

  async function report(): Promise<void> {
    const current = new Map<CompletionId, number>();
    for (const position of await jobs.positions()) {
      current.set(position.completionId, position.position);
      if (reported.get(position.completionId) !== position.position) await reportPosition(log, position);
    }
    reported = current;
  }

  const timer = setInterval(() => {
    if (reporting) return;
    reporting = true;
    report()
      .catch((error) => logger.warn({ err: error }, 'queue positions could not be reported'))
      .finally(() => {
        reporting = false;
      });
  }, intervalMilliseconds);
  timer.unref();

  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Epoch 0 is the waiting line's: once a runner writes, its word on the position is stale and dropped. */
export async function reportPosition(
  log: TokenLog,
  { completionId, position, estimatedWaitSeconds }: JobPosition,
): Promise<void> {
  try {
    await log.append(completionId, 0, { type: 'queued', position, estimatedWaitSeconds });
  } catch (error) {
    if (!(error instanceof StaleProducerError)) throw error;
  }
}
