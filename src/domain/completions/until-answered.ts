import { StoreUnavailableError } from '../../contracts/stores/store.ts';
import { type RetryOptions, retryWithBackoff } from '../../lib/retry.ts';

/** Waits for a database that is away; the operation must be safe to repeat. */
export function untilAnswered<T>(
  operation: () => Promise<T>,
  signal: AbortSignal,
  onRetry?: RetryOptions['onRetry'],
): Promise<T> {
  const shouldRetry = (error: unknown) => error instanceof StoreUnavailableError;
  return retryWithBackoff(operation, { signal, shouldRetry, ...(onRetry && { onRetry }) });
}
