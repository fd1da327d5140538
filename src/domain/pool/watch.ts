import type { PoolChange, PooledModel } from '../../contracts/pool.ts';
import { LinkedList } from '../../lib/linked-list.ts';
import { createPullIterator } from '../../lib/pull-iterator.ts';
import { type PoolModelStatus, type PoolSources, poolStatus, withLine } from './status.ts';

/** Something about one model changed; `model` is what it is with the change. */
export interface PoolEvent {
  readonly type: 'current' | 'figures' | PoolChange['type'];
  readonly at: Date;
  readonly model: PoolModelStatus;
}

interface Pending extends Omit<PoolEvent, 'model'> {
  readonly model: PooledModel;
}

/** A reader that falls this far behind misses the oldest changes; it still learns the newest state of every model. */
const mostWaiting = 1_000;
const figuresMilliseconds = 1_000;

/**
 * First the present state of every model, then each change of a state as it happens, and figures (slots, line, speed) of the
 * models whose figures changed, at most once a second. `return()` and the signal act at once.
 */
export function watchPool(sources: PoolSources, signal: AbortSignal): AsyncIterableIterator<PoolEvent> {
  const { inference, jobs, now } = sources;
  const pending = new LinkedList<Pending>();
  let shown = new Map<string, string>();

  function add(type: PoolEvent['type'], model: PooledModel): void {
    pending.push({ type, at: now(), model });
    if (pending.size > mostWaiting) pending.shift();
  }

  const unwatch = inference.watchPool(({ model: name, type }) => {
    const model = inference.pool().models.find((pooled) => pooled.name === name);
    if (model) add(type, model);
    pull.wake();
  });
  const ticker = setInterval(() => void showFigures().catch(() => {}), figuresMilliseconds);
  ticker.unref();

  /** Where the reader has not taken the last figures yet, newer ones wait for the next turn. */
  async function showFigures(): Promise<void> {
    const { models } = await poolStatus(sources);
    if (pending.size > 0) return;
    const before = shown;
    shown = new Map(models.map((model) => [model.name, figuresOf(model)]));
    for (const model of models) if (before.get(model.name) !== shown.get(model.name)) add('figures', model);
    pull.wake();
  }

  function stop(): void {
    unwatch();
    clearInterval(ticker);
  }

  const pull = createPullIterator<Pending>(
    { take: () => pending.shift(), isOver: () => false, onWait() {}, onEnd: stop },
    signal,
  );
  // The iterator says nothing of an end that came before it.
  if (signal.aborted) stop();
  for (const model of inference.pool().models) add('current', model);

  const { iterator: changes } = pull;
  const events: AsyncIterableIterator<PoolEvent> = {
    async next() {
      const next = await changes.next();
      if (next.done) return { done: true, value: undefined };
      const { model, at, type } = next.value;
      return { done: false, value: { type, at, model: withLine(model, await jobs.depths(), at) } };
    },
    async return() {
      await changes.return!();
      return { done: true, value: undefined };
    },
    async throw(error) {
      await changes.return!();
      throw error;
    },
    [Symbol.asyncIterator]: () => events,
  };
  return events;
}

/** What may change without a change of state. */
function figuresOf({ reservedBytes, replicas, waiting, oldestWaitSeconds }: PoolModelStatus): string {
  const ofReplicas = replicas.map(({ slotsBusy, tokensPerSecond }) => [slotsBusy, tokensPerSecond]);
  return JSON.stringify([reservedBytes, waiting, oldestWaitSeconds, ofReplicas]);
}
