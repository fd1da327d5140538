import type { ApiKeyId } from '../../contracts/ids.ts';
import type { Completion, CompletionStore } from '../../contracts/stores/completions.ts';

/**
 * The creations that are under way. Lets a subscriber wait for a completion that is being created: a client that chose the idempotency
 * key sends the mutation and the subscription together, and either may arrive first.
 */
export interface Creations {
  /** Runs a creation; those who wait for its key are handed what it answers. */
  run<Creation extends { readonly completion: Completion }>(
    apiKeyId: ApiKeyId,
    idempotencyKey: string | null,
    create: () => Promise<Creation>,
  ): Promise<Creation>;
  /**
   * The completion of the key, as soon as there is one; undefined when the time is up or the signal aborts. The store is not asked
   * while a creation of the key runs here: it would only come before that one's own statements.
   */
  waitFor(
    apiKeyId: ApiKeyId,
    idempotencyKey: string,
    seconds: number,
    signal: AbortSignal,
  ): Promise<Completion | undefined>;
  /** Resolves when those that are under way now have ended, so that what they admit is in the line; at once when the signal aborts. */
  ended(signal: AbortSignal): Promise<void>;
}

/** How often the store is asked, for completions that another node creates. */
const pollMilliseconds = 500;

export function createCreations(completions: CompletionStore): Creations {
  const underWay = new Set<Promise<unknown>>();
  const running = new Map<string, number>();
  const waiting = new Map<string, Set<Waiter>>();
  const nameOf = (apiKeyId: ApiKeyId, idempotencyKey: string) => `${apiKeyId} ${idempotencyKey}`;

  function countRunning(name: string, change: 1 | -1): void {
    const count = (running.get(name) ?? 0) + change;
    if (count > 0) running.set(name, count);
    else running.delete(name);
  }

  function hint(name: string, completion?: Completion): void {
    for (const waiter of waiting.get(name) ?? []) waiter.hint(completion);
  }

  function listen(name: string): Waiter & Disposable {
    const waiter = createWaiter();
    const others = waiting.get(name) ?? new Set();
    waiting.set(name, others.add(waiter));
    return Object.assign(waiter, {
      [Symbol.dispose]() {
        others.delete(waiter);
        if (others.size === 0 && waiting.get(name) === others) waiting.delete(name);
      },
    });
  }

  async function track<Creation>(create: () => Promise<Creation>): Promise<Creation> {
    const creation = create();
    underWay.add(creation);
    try {
      return await creation;
    } finally {
      underWay.delete(creation);
    }
  }

  return {
    async run(apiKeyId, idempotencyKey, create) {
      if (idempotencyKey === null) return track(create);
      const name = nameOf(apiKeyId, idempotencyKey);
      countRunning(name, 1);
      let completion: Completion | undefined;
      try {
        const creation = await track(create);
        ({ completion } = creation);
        return creation;
      } finally {
        countRunning(name, -1);
        hint(name, completion);
      }
    },

    async ended(signal) {
      if (signal.aborted) return;
      const aborted = new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([Promise.allSettled(underWay), aborted]);
    },

    async waitFor(apiKeyId, idempotencyKey, seconds, signal) {
      const name = nameOf(apiKeyId, idempotencyKey);
      const giveUpAt = performance.now() + seconds * 1_000;
      // Before the first look: what is created between a look and a sleep must not be slept through.
      using waiter = listen(name);
      const look = async () =>
        running.has(name) ? undefined : completions.findByIdempotencyKey(apiKeyId, idempotencyKey);
      const wake = () => waiter.hint();
      signal.addEventListener('abort', wake, { once: true });
      try {
        for (;;) {
          const completion = waiter.handed() ?? (await look()) ?? waiter.handed();
          const left = giveUpAt - performance.now();
          if (completion || signal.aborted || left <= 0) return completion;
          await waiter.sleep(Math.min(pollMilliseconds, left));
        }
      } finally {
        signal.removeEventListener('abort', wake);
      }
    },
  };
}

interface Waiter {
  /** Ends its sleep; one that comes before it sleeps makes the next sleep short. */
  hint(completion?: Completion): void;
  /** What a hint brought. */
  handed(): Completion | undefined;
  sleep(milliseconds: number): Promise<void>;
}

function createWaiter(): Waiter {
  let handed: Completion | undefined;
  let hinted = false;
  let wake = () => {};
  return {
    hint(completion) {
      handed ??= completion;
      hinted = true;
      wake();
    },
    handed: () => handed,
    sleep: (milliseconds) =>
      new Promise((resolve) => {
        const timer = setTimeout(wakeUp, hinted ? 0 : milliseconds).unref();
        hinted = false;
        wake = wakeUp;
        function wakeUp(): void {
          clearTimeout(timer);
          hinted = false;
          resolve();
        }
      }),
  };
}
