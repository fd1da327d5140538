import type { InferencePart } from '../contracts/inference.ts';
import { mergeChoices } from '../lib/merge-choices.ts';

/**
 * Parts on their way to the one who iterates. Deltas that were not fetched yet are merged, so that a slow consumer costs no
 * more memory than the text. Leaving the iteration acts at once, also while `next()` is pending.
 */
export interface PartQueue {
  readonly parts: AsyncIterable<InferencePart>;
  push(part: InferencePart): void;
  end(): void;
  fail(error: unknown): void;
}

export function createPartQueue(onLeave: () => void): PartQueue {
  const items: InferencePart[] = [];
  let outcome: { readonly type: 'ended' } | { readonly type: 'failed'; readonly error: unknown } | undefined;
  let waiting: PromiseWithHandlers | undefined;

  function settle(): IteratorResult<InferencePart> | undefined {
    const part = items.shift();
    if (part !== undefined) return { done: false, value: part };
    if (outcome === undefined) return undefined;
    if (outcome.type === 'ended') return { done: true, value: undefined };
    const { error } = outcome;
    outcome = { type: 'ended' };
    throw error;
  }

  function wake(): void {
    if (waiting === undefined) return;
    const { resolve, reject } = waiting;
    try {
      const result = settle();
      if (result === undefined) return;
      waiting = undefined;
      resolve(result);
    } catch (error) {
      waiting = undefined;
      reject(error);
    }
  }

  function leave(): Promise<IteratorResult<InferencePart>> {
    const running = outcome === undefined;
    items.length = 0;
    outcome = { type: 'ended' };
    wake();
    if (running) onLeave();
    return Promise.resolve({ done: true, value: undefined });
  }

  const iterator: AsyncIterableIterator<InferencePart> = {
    next: () =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        wake();
      }),
    return: leave,
    throw: (error) => leave().then(() => Promise.reject(error)),
    [Symbol.asyncIterator]: () => iterator,
  };

  return {
    parts: iterator,
    push(part) {
      if (outcome !== undefined) return;
      const last = items.at(-1);
      if (part.type === 'delta' && last?.type === 'delta') {
        items[items.length - 1] = { type: 'delta', choices: mergeChoices([...last.choices, ...part.choices]) };
      } else items.push(part);
      wake();
    },
    end() {
      outcome ??= { type: 'ended' };
      wake();
    },
    fail(error) {
      outcome ??= { type: 'failed', error };
      wake();
    },
  };
}

interface PromiseWithHandlers {
  readonly resolve: (result: IteratorResult<InferencePart>) => void;
  readonly reject: (error: unknown) => void;
}
