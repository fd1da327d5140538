import type { Settle } from './settle.ts';

/**
 * An async iterator written by hand. Those of `async function*` queue `return()` behind a pending `next()`; here `return()` and
 * the abort signal act at once: the pending `next()` resolves as done, and `onEnd` has been called before either returns.
 */
export interface PullSource<T> {
  /** The next item, or undefined when there is none now. What it throws ends the iterator and is told who asked. */
  take(): T | undefined;
  /** Whether no item will come any more; asked after `take`, and right after the last item. */
  isOver(): boolean;
  /** Somebody waits: `wake` is to be called when there may be an item. */
  onWait(): void;
  /** The iterator ended, however it did; called once, but not where the signal had aborted before it began. */
  onEnd(): void;
}

/** An async iterator that can also be asked without waiting. */
export interface ReadyIterator<T> extends AsyncIterableIterator<T> {
  /** What `next()` would answer at once; undefined where it would wait. */
  nextNow(): IteratorResult<T> | undefined;
}

export interface PullIterator<T> {
  readonly iterator: ReadyIterator<T>;
  /** Serves those who wait; says whether somebody still does. */
  wake(): boolean;
  end(): void;
  /** Ends it; who has waited longest is told why. */
  fail(error: unknown): void;
}

export function createPullIterator<T>(source: PullSource<T>, signal?: AbortSignal): PullIterator<T> {
  const waiting: Settle<IteratorResult<T>>[] = [];
  let ended = false;

  function end(): void {
    if (ended) return;
    ended = true;
    signal?.removeEventListener('abort', end);
    source.onEnd();
    for (const { resolve } of waiting.splice(0)) resolve({ done: true, value: undefined });
  }

  function fail(error: unknown): void {
    waiting.shift()?.reject(error);
    end();
  }

  function takeNext(): IteratorResult<T> | undefined {
    if (ended) return { done: true, value: undefined };
    let value: T | undefined;
    try {
      value = source.take();
    } catch (error) {
      end();
      throw error;
    }
    if (source.isOver()) end();
    if (value !== undefined) return { done: false, value };
    return ended ? { done: true, value: undefined } : undefined;
  }

  function wake(): boolean {
    let waiter = waiting[0];
    while (waiter) {
      // Leaves the line first: should the item be the last, `end` must not resolve it as done.
      waiting.shift();
      let result: IteratorResult<T> | undefined;
      try {
        result = takeNext();
      } catch (error) {
        waiter.reject(error);
        return false;
      }
      if (!result) {
        waiting.unshift(waiter);
        return true;
      }
      waiter.resolve(result);
      waiter = waiting[0];
    }
    return false;
  }

  const iterator: ReadyIterator<T> = {
    nextNow: () => (waiting.length === 0 ? takeNext() : undefined),
    next() {
      try {
        const result = iterator.nextNow();
        if (result) return Promise.resolve(result);
      } catch (error) {
        return Promise.reject(error);
      }
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        source.onWait();
      });
    },
    return() {
      end();
      return Promise.resolve({ done: true, value: undefined });
    },
    throw(error) {
      end();
      return Promise.reject(error);
    },
    [Symbol.asyncIterator]() {
      return iterator;
    },
  };

  if (signal?.aborted) ended = true;
  else signal?.addEventListener('abort', end, { once: true });
  return { iterator, wake, end, fail };
}
