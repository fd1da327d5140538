import { setTimeout as delay } from 'node:timers/promises';
import type { ApiKeyId } from '../../contracts/ids.ts';
import type { Completion, CompletionStore } from '../../contracts/stores.ts';

/**
 * Lets a subscriber wait for a completion that is being created: a client that chose the idempotency key sends the mutation and the
 * subscription together, and either may arrive first.
 */
export interface Creations {
  notify(completion: Completion): void;
  /** The completion of the key, as soon as there is one; undefined when the time is up or the signal aborts. */
  waitFor(
    apiKeyId: ApiKeyId,
    idempotencyKey: string,
    seconds: number,
    signal: AbortSignal,
  ): Promise<Completion | undefined>;
}

/** How often the store is asked, for completions that another node creates. */
const pollMilliseconds = 500;

export function createCreations(completions: CompletionStore): Creations {
  const waiting = new Map<string, Set<AbortController>>();
  const nameOf = (apiKeyId: ApiKeyId, idempotencyKey: string) => `${apiKeyId} ${idempotencyKey}`;

  async function sleepUntilHint(name: string, milliseconds: number, signal: AbortSignal): Promise<void> {
    const hint = new AbortController();
    const others = waiting.get(name) ?? new Set();
    waiting.set(name, others.add(hint));
    try {
      await delay(milliseconds, undefined, { signal: AbortSignal.any([signal, hint.signal]), ref: false });
    } catch {
      // A hint or the caller's leaving; either way it is time to look.
    } finally {
      others.delete(hint);
      if (others.size === 0 && waiting.get(name) === others) waiting.delete(name);
    }
  }

  return {
    notify({ apiKeyId, idempotencyKey }) {
      if (idempotencyKey === null) return;
      for (const hint of waiting.get(nameOf(apiKeyId, idempotencyKey)) ?? []) hint.abort();
    },

    async waitFor(apiKeyId, idempotencyKey, seconds, signal) {
      const giveUpAt = performance.now() + seconds * 1_000;
      const name = nameOf(apiKeyId, idempotencyKey);
      for (;;) {
        const completion = await completions.findByIdempotencyKey(apiKeyId, idempotencyKey);
        const left = giveUpAt - performance.now();
        if (completion || signal.aborted || left <= 0) return completion;
        await sleepUntilHint(name, Math.min(pollMilliseconds, left), signal);
      }
    },
  };
}
