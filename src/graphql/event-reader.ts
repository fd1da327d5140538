import type { CompletionId } from '../contracts/ids.ts';
import type { LogEvent } from '../contracts/token-log.ts';
import type { CompletionTarget } from '../domain/completions/events.ts';
import type { ReadyIterator } from '../lib/pull-iterator.ts';
import { caller } from './caller.ts';
import type { GraphqlContext } from './context.ts';
import { encodeId } from './ids.ts';

/** An event of the log, with whose it is. */
export type EventOf<Type extends LogEvent['type']> = Extract<LogEvent, { readonly type: Type }> & {
  readonly completionId: CompletionId;
  readonly globalId: string;
};
export type CompletionEvent = EventOf<LogEvent['type']>;

/** A delta is written out, as in the log: there is one for every token and reader. */
function eventOf(event: LogEvent, completionId: CompletionId, globalId: string): CompletionEvent {
  if (event.type !== 'delta') return { ...event, completionId, globalId };
  const { seq, at, choices } = event;
  return { type: 'delta', seq, at, choices, completionId, globalId };
}

/**
 * Opens a reader of a completion's log for as long as the caller stays. Written by hand, because a caller that leaves must be
 * noticed at once: `return()` of an `async function*` would wait for the next event, which a completion in the line may not have for minutes.
 */
export async function readCompletionEvents(
  context: GraphqlContext,
  target: CompletionTarget,
  after: number,
): Promise<ReadyIterator<CompletionEvent>> {
  const leaving = new AbortController();
  const leave = () => {
    context.signal.removeEventListener('abort', leave);
    leaving.abort();
  };
  if (context.signal.aborted) leave();
  else context.signal.addEventListener('abort', leave, { once: true });

  const { completionId, events } = await openOrLeave();
  const globalId = encodeId('Completion', completionId);
  const owned = (result: IteratorResult<LogEvent>): IteratorResult<CompletionEvent> => {
    if (!result.done) return { done: false, value: eventOf(result.value, completionId, globalId) };
    leave();
    return { done: true, value: undefined };
  };
  const end = () => {
    leave();
    // Not awaited: the signal has ended the log's reader, and a replay from the store holds nothing.
    events.return?.().catch(() => {});
  };

  const iterator: ReadyIterator<CompletionEvent> = {
    next: () => events.next().then(owned),
    nextNow() {
      const result = events.nextNow();
      return result && owned(result);
    },
    return: () => {
      end();
      return Promise.resolve({ done: true, value: undefined });
    },
    throw: (error) => {
      end();
      return Promise.reject(error);
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;

  async function openOrLeave() {
    try {
      return await context.services.completions.readEvents(caller(context), target, after, leaving.signal);
    } catch (error) {
      leave();
      throw error;
    }
  }
}
