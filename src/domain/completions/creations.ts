import type { ApiKeyId } from '../../contracts/ids.ts';
import type { Completion, CompletionStore } from '../../contracts/stores/completions.ts';

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
  const waiting = new Map<string, Set<() => void>>();
  const nameOf = (apiKeyId: ApiKeyId, idempotencyKey: string) => `${apiKeyId} ${idempotencyKey}`;

  /** Hints from now on; one that comes before somebody sleeps makes the next sleep short. */
  function listen(name: string) {
    let hinted = false;
    let wake = () => {};
    const hint = () => {
      hinted = true;
      wake();
    };
    const others = waiting.get(name) ?? new Set();
    waiting.set(name, others.add(hint));
    return {
      sleep: (milliseconds: number) =>
        new Promise<void>((resolve) => {
          const timer = setTimeout(wakeUp, hinted ? 0 : milliseconds).unref();
          hinted = false;
          wake = wakeUp;
          function wakeUp(): void {
            clearTimeout(timer);
            hinted = false;
            resolve();
          }
        }),
      hint,
      [Symbol.dispose]() {
        others.delete(hint);
        if (others.size === 0 && waiting.get(name) === others) waiting.delete(name);
      },
    };
  }

  return {
    notify({ apiKeyId, idempotencyKey }) {
      if (idempotencyKey === null) return;
      for (const hint of waiting.get(nameOf(apiKeyId, idempotencyKey)) ?? []) hint();
    },

    async waitFor(apiKeyId, idempotencyKey, seconds, signal) {
      const giveUpAt = performance.now() + seconds * 1_000;
      // Before the first look: what is created between a look and a sleep must not be slept through.
      using hints = listen(nameOf(apiKeyId, idempotencyKey));
      signal.addEventListener('abort', hints.hint, { once: true });
      try {
        for (;;) {
          const completion = await completions.findByIdempotencyKey(apiKeyId, idempotencyKey);
          const left = giveUpAt - performance.now();
          if (completion || signal.aborted || left <= 0) return completion;
          await hints.sleep(Math.min(pollMilliseconds, left));
        }
      } finally {
        signal.removeEventListener('abort', hints.hint);
      }
    },
  };
}
