import type { ExecutionArgs, ExecutionResult } from 'graphql';
import type { Logger } from '../contracts/logger.ts';
import type { GraphqlContext } from '../graphql/context.ts';
import { maskError } from '../graphql/errors.ts';

export interface SocketContext extends GraphqlContext {
  /** Aborts `signal`: the caller has left this operation. */
  readonly leaving: AbortController;
}

type Results = ExecutionResult | AsyncIterable<ExecutionResult>;

/**
 * One operation as the iterator that graphql-ws ends when the client sends `complete` or its socket closes, whatever the operation
 * is: a pending mutation would otherwise run on for nobody. `return()` acts at once; what is pending then ends by the signal.
 */
export function openOperation(
  args: ExecutionArgs,
  run: (args: ExecutionArgs) => Results | Promise<Results>,
  logger: Logger,
): AsyncIterableIterator<ExecutionResult> {
  const { leaving, requestId } = args.contextValue as SocketContext;
  let events: AsyncIterator<ExecutionResult> | undefined;
  let begun = false;
  let over = false;

  async function begin(): Promise<IteratorResult<ExecutionResult>> {
    begun = true;
    const results = await run(args);
    if (Symbol.asyncIterator in results) {
      events = results[Symbol.asyncIterator]();
      return events.next();
    }
    over = true;
    return { done: false, value: results };
  }

  async function next(): Promise<IteratorResult<ExecutionResult>> {
    if (leaving.signal.aborted || over) return end();
    const result = begun ? await events!.next() : await begin();
    if (leaving.signal.aborted || result.done) return end();
    const { errors } = result.value;
    if (!errors) return result;
    const masked = errors.map((error) => maskError(error, requestId, logger));
    return { done: false, value: { ...result.value, errors: masked } };
  }

  function end(): IteratorReturnResult<undefined> {
    over = true;
    leaving.abort();
    events?.return?.().catch(() => {});
    return { done: true, value: undefined };
  }

  return {
    next,
    return: async () => end(),
    async throw(error) {
      end();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
