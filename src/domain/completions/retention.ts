import type { Logger } from '../../contracts/logger.ts';
import type { CompletionStore, Forgettable } from '../../contracts/stores/completions.ts';
import { StoreUnavailableError } from '../../contracts/stores/store.ts';

/**
 * Forgets content (prompts, answers and metadata) and idempotency keys when their time is up. Usage (with the user tag), status and
 * counts stay: a replay of what is gone answers OFFSET_EXPIRED, and a forgotten idempotency key is free for new work.
 */
export interface Retention extends AsyncDisposable {}

export interface RetentionOptions {
  readonly completions: CompletionStore;
  readonly contentDays: number;
  readonly idempotencyHours: number;
  readonly logger: Logger;
  readonly now?: () => number;
}

const batch = 500;
const longestIntervalMilliseconds = 10 * 60_000;
const shortestIntervalMilliseconds = 50;

export function createRetention(options: RetentionOptions): Retention {
  const { completions, contentDays, idempotencyHours, logger, now = Date.now } = options;
  const periods: Readonly<Record<Forgettable, number>> = {
    content: contentDays * 86_400_000,
    'idempotency-keys': idempotencyHours * 3_600_000,
  };
  let stopped = false;
  let working: Promise<void> | undefined;

  async function forgetAll(): Promise<void> {
    try {
      for (const [what, milliseconds] of Object.entries(periods) as [Forgettable, number][]) {
        const before = new Date(now() - milliseconds);
        while (!stopped && (await completions.forget(what, before, batch)) === batch);
      }
    } catch (error) {
      // The next round goes on where this one stopped.
      if (!(error instanceof StoreUnavailableError)) logger.error({ err: error }, 'forgetting old content failed');
    }
  }

  const shortest = Math.min(...Object.values(periods));
  const interval = Math.min(Math.max(shortest / 4, shortestIntervalMilliseconds), longestIntervalMilliseconds);
  const timer = setInterval(() => {
    working ??= forgetAll().finally(() => {
      working = undefined;
    });
  }, interval);
  timer.unref();

  return {
    async [Symbol.asyncDispose]() {
      stopped = true;
      clearInterval(timer);
      await working;
    },
  };
}
