import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute } from 'graphql';
import type { Logger } from '../contracts/logger.ts';
import type { GraphqlContext } from '../graphql/context.ts';
import { maskError } from '../graphql/errors.ts';
import type { Turns } from './turns.ts';

export interface OperationContext extends GraphqlContext {
  /** Aborts `signal`: the caller has left this operation. */
  readonly leaving: AbortController;
}

export interface OperationOptions<Shown> {
  /** Its context is an OperationContext. */
  readonly args: ExecutionArgs;
  readonly type: 'subscription' | 'query or mutation';
  /** Of the connection; without, the operation is alone on it. */
  readonly turns?: Turns;
  /** What is sent for a result; `seq` is that of the event that it shows, where it shows one. */
  readonly show: (result: ExecutionResult, seq: number | undefined) => Shown;
  readonly onEnd?: () => void;
  readonly logger: Logger;
}

/**
 * One operation, whatever it is, as an iterator of what is to be sent: asking for the next says that the one before was sent.
 * `return()` (the client sent `complete`, its connection closed) acts at once, also on a pending mutation, which would
 * otherwise run on for nobody; what is pending then ends by the signal.
 */
export function openOperation<Shown>(options: OperationOptions<Shown>): AsyncIterableIterator<Shown> {
  const { args, type, turns, show, onEnd, logger } = options;
  const { leaving, requestId } = args.contextValue as OperationContext;
  const { signal } = leaving;
  let events: AsyncIterator<unknown> | undefined;
  let turn: Disposable | undefined;
  let answered = false;
  let over = false;

  async function next(): Promise<IteratorResult<Shown>> {
    giveTurnBack();
    if (answered || over) return end();
    let made: Made | undefined;
    try {
      made = await make();
    } catch (error) {
      answered = true;
      made = { result: { errors: [maskError(error, requestId, logger)] }, seq: undefined };
    }
    if (over || !made) return end();
    return { done: false, value: show(withMaskedErrors(made.result), made.seq) };
  }

  async function make(): Promise<Made | undefined> {
    if (type !== 'subscription') {
      answered = true;
      const result = await execute(args);
      await takeTurn();
      return { result, seq: undefined };
    }
    if (!events) {
      const opened = await createSourceEventStream(args);
      if (!(Symbol.asyncIterator in opened)) {
        answered = true;
        return { result: opened, seq: undefined };
      }
      events = opened[Symbol.asyncIterator]();
      if (over) events.return?.().catch(() => {});
    }
    const event = await pull(events);
    if (event.done || over) return undefined;
    // A context of its own: what is looked up for one event must neither pile up nor be old for those after it.
    const contextValue = { ...(args.contextValue as OperationContext) };
    return { result: await execute({ ...args, contextValue, rootValue: event.value }), seq: seqOf(event.value) };
  }

  /** What there is now is taken only in one's turn; whoever waits for what is to come leaves the turn to others. */
  async function pull(source: AsyncIterator<unknown>): Promise<IteratorResult<unknown>> {
    if (!turns) return source.next();
    await takeTurn();
    const pending = source.next();
    const atHand = await Promise.race([pending, loopTurn()]);
    if (atHand) return atHand;
    giveTurnBack();
    const event = await pending;
    await takeTurn();
    return event;
  }

  async function takeTurn(): Promise<void> {
    const taken = await turns?.take(signal);
    if (over) taken?.[Symbol.dispose]();
    else turn = taken;
  }

  function giveTurnBack(): void {
    turn?.[Symbol.dispose]();
    turn = undefined;
  }

  function withMaskedErrors(result: ExecutionResult): ExecutionResult {
    const { errors } = result;
    if (!errors) return result;
    return { ...result, errors: errors.map((error) => maskError(error, requestId, logger)) };
  }

  function end(): IteratorReturnResult<undefined> {
    giveTurnBack();
    if (!over) {
      over = true;
      leaving.abort();
      events?.return?.().catch(() => {});
      onEnd?.();
    }
    return { done: true, value: undefined };
  }

  const iterator: AsyncIterableIterator<Shown> = {
    next,
    return: async () => end(),
    async throw(error) {
      end();
      throw error;
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

interface Made {
  readonly result: ExecutionResult;
  readonly seq: number | undefined;
}

function seqOf(event: unknown): number | undefined {
  const { seq } = event as { readonly seq?: unknown };
  return typeof seq === 'number' ? seq : undefined;
}

function loopTurn(): Promise<undefined> {
  return new Promise((resolve) => void setImmediate(resolve, undefined));
}
