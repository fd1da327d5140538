import { LinkedList } from './linked-list.ts';
import { createPullIterator, type PullIterator } from './pull-iterator.ts';

/** Items that several consumers share: each is handed out once, and kept until somebody asks. */
export interface SharedQueue<T> {
  push(item: T): void;
  /** Ends when the signal aborts, `return()` is called or the queue closes; each of these acts at once. */
  consume(signal: AbortSignal): AsyncIterableIterator<T>;
  close(): void;
}

export function createSharedQueue<T>(): SharedQueue<T> {
  const items = new LinkedList<T>();
  const consumers = new Set<PullIterator<T>>();
  const waiting = new Set<PullIterator<T>>();
  let closed = false;
  return {
    push(item) {
      items.push(item);
      for (const consumer of waiting) {
        if (items.size === 0) return;
        if (!consumer.wake()) waiting.delete(consumer);
      }
    },
    consume(signal) {
      const consumer = createPullIterator<T>(
        {
          take: () => (closed ? undefined : items.shift()),
          isOver: () => closed,
          onWait: () => waiting.add(consumer),
          onEnd() {
            consumers.delete(consumer);
            waiting.delete(consumer);
          },
        },
        signal,
      );
      if (!signal.aborted) consumers.add(consumer);
      return consumer.iterator;
    },
    close() {
      closed = true;
      for (const consumer of consumers) consumer.end();
    },
  };
}
