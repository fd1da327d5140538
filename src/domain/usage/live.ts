import type { CompletionId, ProjectId } from '../../contracts/ids.ts';
import type { Signals } from '../../contracts/signals.ts';
import type { UsageRecord, UsageStore } from '../../contracts/stores/usage.ts';
import { createPullIterator } from '../../lib/pull-iterator.ts';

export interface LiveUsageOptions {
  readonly store: UsageStore;
  readonly signals: Signals;
  /** Null is every project. */
  readonly projectId: ProjectId | null;
  readonly signal: AbortSignal;
}

/** A reader that falls this far behind misses the oldest; one that comes back finds them in the records. */
const mostWaiting = 1_000;
/** Signals may come twice. */
const remembered = 1_000;

/** Usage records as they are written, told of by signals. `return()` and the signal act at once. */
export function liveUsage({ store, signals, projectId, signal }: LiveUsageOptions): AsyncIterableIterator<UsageRecord> {
  const waiting: CompletionId[] = [];
  const seen = new Set<CompletionId>();
  const unsubscribe = signals.subscribe('usage-recorded', (recorded) => {
    const { completionId } = recorded;
    if ((projectId !== null && recorded.projectId !== projectId) || seen.has(completionId)) return;
    seen.add(completionId);
    if (seen.size > remembered) seen.delete(seen.values().next().value!);
    waiting.push(completionId);
    if (waiting.length > mostWaiting) waiting.shift();
    pull.wake();
  });
  const pull = createPullIterator<CompletionId>(
    { take: () => waiting.shift(), isOver: () => false, onWait() {}, onEnd: unsubscribe },
    signal,
  );
  // The iterator says nothing of an end that came before it.
  if (signal.aborted) unsubscribe();

  const { iterator: ids } = pull;
  const records: AsyncIterableIterator<UsageRecord> = {
    async next() {
      for (;;) {
        const next = await ids.next();
        if (next.done) return { done: true, value: undefined };
        const [record] = await store.findByCompletion([next.value]);
        if (record) return { done: false, value: record };
      }
    },
    async return() {
      await ids.return!();
      return { done: true, value: undefined };
    },
    async throw(error) {
      await ids.return!();
      throw error;
    },
    [Symbol.asyncIterator]: () => records,
  };
  return records;
}
