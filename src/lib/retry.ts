import { setTimeout as delay } from 'node:timers/promises';

export interface RetryOptions {
  readonly signal: AbortSignal;
  readonly shouldRetry: (error: unknown) => boolean;
  readonly onRetry?: (error: unknown, delayMilliseconds: number) => void;
  readonly firstDelayMilliseconds?: number;
  readonly longestDelayMilliseconds?: number;
}

/** Repeats an operation that is safe to repeat, twice as long apart each time, until it succeeds or the signal aborts. */
export async function retryWithBackoff<T>(operation: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { signal, shouldRetry, onRetry, firstDelayMilliseconds = 100, longestDelayMilliseconds = 2_000 } = options;
  for (let delayMilliseconds = firstDelayMilliseconds; ; delayMilliseconds *= 2) {
    try {
      return await operation();
    } catch (error) {
      if (signal.aborted || !shouldRetry(error)) throw error;
      const bounded = Math.min(delayMilliseconds, longestDelayMilliseconds);
      onRetry?.(error, bounded);
      await delay(bounded, undefined, { signal, ref: false });
    }
  }
}
