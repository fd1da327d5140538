import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute } from 'graphql';
import type { Logger } from '../contracts/logger.ts';
import type { GraphqlContext } from '../graphql/context.ts';
import { maskError } from '../graphql/errors.ts';
import { createPlainReader, type PlainReader } from '../graphql/plain-fields.ts';
import type { ReadyIterator } from '../lib/pull-iterator.ts';
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

/** Each error of a variable quotes all of its value. */
const maxCoercionErrors = 10;

/**
 * One operation, whatever it is, as an iterator of what is to be sent: asking for the next says that the one before was sent.
 * `return()` (the client sent `complete`, its connection closed) acts at once, also on a pending mutation, which would
 * otherwise run on for nobody; what is pending then ends by the signal.
 */
export function openOperation<Shown>(options: OperationOptions<Shown>): AsyncIterableIterator<Shown> {
  const { type, turns, show, onEnd, logger } = options;
  const args: ExecutionArgs = { ...options.args, options: { maxCoercionErrors } };
  const { leaving, requestId } = args.contextValue as OperationContext;
  const { signal } = leaving;
  /** Of the events, one after the other: the execution of one has read them when it returns. */
  const eventArgs: { -readonly [Name in keyof ExecutionArgs]: ExecutionArgs[Name] } = { ...args };
  let events: AsyncIterator<unknown> | undefined;
  let readPlainly: PlainReader | undefined;
  let hasTurn = false;
  let answered = false;
  let over = false;

  async function next(): Promise<IteratorResult<Shown>> {
    giveTurnBack();
    if (answered || over) return end();
    try {
      return await (type === 'subscription' ? showNextEvent() : showOnlyResult());
    } catch (error) {
      answered = true;
      return shown({ errors: [maskError(error, requestId, logger)] });
    }
  }

  async function showOnlyResult(): Promise<IteratorResult<Shown>> {
    answered = true;
    const result = await execute(args);
    if (turns && !takeTurnNow(turns)) await waitForTurn(turns);
    return shown(withMaskedErrors(result));
  }

  async function showNextEvent(): Promise<IteratorResult<Shown>> {
    if (!events) {
      const opened = await createSourceEventStream(args);
      if (!(Symbol.asyncIterator in opened)) {
        answered = true;
        return shown(withMaskedErrors(opened));
      }
      events = opened[Symbol.asyncIterator]();
      if (over) events.return?.().catch(() => {});
    }
    const event = await (turns ? pullInTurn(events, turns) : events.next());
    if (event.done || over) return end();
    const result = readPlainly?.(event.value) ?? executeFor(event.value);
    return shown(result instanceof Promise ? await result : result, seqOf(event.value));
  }

  function executeFor(event: unknown): ExecutionResult | Promise<ExecutionResult> {
    eventArgs.rootValue = event;
    const result = execute(eventArgs);
    if (!(result instanceof Promise)) return executed(result);
    // What is looked up for one event must neither pile up nor be old for those after it; what could be shown at once looked nothing up.
    eventArgs.contextValue = { ...(eventArgs.contextValue as OperationContext) };
    return result.then(executed);
  }

  function executed(result: ExecutionResult): ExecutionResult {
    // What would be refused, as an operation that is too complex, is refused for its first event.
    if (!result.errors) readPlainly ??= createPlainReader(args);
    return withMaskedErrors(result);
  }

  /** What there is now is taken only in one's turn; whoever waits for what is to come leaves the turn to others. */
  async function pullInTurn(source: AsyncIterator<unknown>, inTurn: Turns): Promise<IteratorResult<unknown>> {
    if (!takeTurnNow(inTurn)) await waitForTurn(inTurn);
    // A source that cannot tell without waiting has at most one small event at hand.
    const atHand = (source as Partial<ReadyIterator<unknown>>).nextNow?.();
    if (atHand) return atHand;
    giveTurnBack();
    const event = await source.next();
    if (!takeTurnNow(inTurn)) await waitForTurn(inTurn);
    return event;
  }

  function takeTurnNow(inTurn: Turns): boolean {
    hasTurn = !over && inTurn.tryTake();
    return hasTurn || over;
  }

  async function waitForTurn(inTurn: Turns): Promise<void> {
    hasTurn = await inTurn.take(signal);
    if (over) giveTurnBack();
  }

  function giveTurnBack(): void {
    if (hasTurn) turns?.give();
    hasTurn = false;
  }

  function shown(result: ExecutionResult, seq?: number): IteratorResult<Shown> {
    return over ? end() : { done: false, value: show(result, seq) };
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

function seqOf(event: unknown): number | undefined {
  const { seq } = event as { readonly seq?: unknown };
  return typeof seq === 'number' ? seq : undefined;
}
