import { DomainError } from '../contracts/errors.ts';
import type { Completion } from '../contracts/stores/completions.ts';
import type { LogEvent } from '../contracts/token-log.ts';
import type { Principal } from '../domain/access/principal.ts';
import type { Completions } from '../domain/completions/completions.ts';
import { createPullIterator } from '../lib/pull-iterator.ts';
import type { DomainInput } from './translate.ts';

/** The completions of one request (one per prompt) and everything that happens to them, to one reader. */
export interface Generations {
  readonly completions: readonly Completion[];
  readonly events: AsyncIterableIterator<GenerationEvent>;
}

export interface GenerationEvent {
  /** Which of the completions, from 0. */
  readonly prompt: number;
  readonly event: LogEvent;
}

/**
 * Creates and attaches, in the order of the prompts. All or nothing: where one is refused, those before it are left, which ends them.
 * `leaving` aborts when the caller leaves.
 */
export async function openGenerations(
  completions: Pick<Completions, 'create' | 'readEvents'>,
  principal: Principal,
  inputs: readonly DomainInput[],
  after: number,
  leaving: AbortController,
): Promise<Generations> {
  const created: Completion[] = [];
  const readers: AsyncIterableIterator<LogEvent>[] = [];
  try {
    for (const [index, input] of inputs.entries()) {
      const { completion } = await completions.create(principal, input, leaving.signal).catch((error) => {
        throw inputs.length > 1 ? ofPrompt(error, index) : error;
      });
      created.push(completion);
      readers.push(await attach(completion));
    }
  } catch (error) {
    leaving.abort();
    throw error;
  }
  const [first] = readers;
  return { completions: created, events: readers.length === 1 ? only(first!) : merge(readers, leaving.signal) };

  /** Attaches even where the caller has left already: leaving is what ends a completion that only it waited for. */
  async function attach(completion: Completion): Promise<AsyncIterableIterator<LogEvent>> {
    const reading = new AbortController();
    const { events } = await completions.readEvents(principal, { type: 'known', completion }, after, reading.signal);
    if (leaving.signal.aborted) reading.abort();
    else leaving.signal.addEventListener('abort', () => reading.abort(), { once: true });
    return events;
  }
}

/** Of several prompts, an error tells which is wrong. */
function ofPrompt(error: unknown, index: number): unknown {
  if (!(error instanceof DomainError) || error.code !== 'INVALID_INPUT') return error;
  const issues = error.facts.issues?.map((issue) => {
    const [field, ...rest] = issue.path;
    return field === 'prompt' || field === 'tokens' ? { ...issue, path: ['prompt', String(index), ...rest] } : issue;
  });
  return issues ? new DomainError(error.code, error.message, { issues }) : error;
}

/** A completion has ended without success. Whoever asks for it by its idempotency key is told the same for as long as that is kept. */
export class EndedError extends DomainError {}

/** What a completion's terminal event means to a request that waits for text; throws EndedError where it did not succeed. */
export function requireSuccess(event: Extract<LogEvent, { type: 'finished' | 'failed' | 'cancelled' }>): void {
  switch (event.type) {
    case 'finished':
      return;
    case 'failed': {
      const { code, message, retryAfterSeconds } = event.error;
      throw new EndedError(code, message, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
    }
    case 'cancelled':
      throw new EndedError('CANCELLED', 'The completion was cancelled.');
    default:
      event satisfies never;
  }
}

function only(events: AsyncIterableIterator<LogEvent>): AsyncIterableIterator<GenerationEvent> {
  const iterator: AsyncIterableIterator<GenerationEvent> = {
    async next() {
      const { done, value } = await events.next();
      return done ? { done, value: undefined } : { done: false, value: { prompt: 0, event: value } };
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

/** In the order in which they happen. Of each reader at most one event is held. */
function merge(
  readers: readonly AsyncIterableIterator<LogEvent>[],
  signal: AbortSignal,
): AsyncIterableIterator<GenerationEvent> {
  const ready: GenerationEvent[] = [];
  let open = readers.length;
  let failure: { readonly error: unknown } | undefined;
  const { iterator, wake } = createPullIterator<GenerationEvent>(
    {
      take() {
        const next = ready.shift();
        if (next) advance(next.prompt);
        return next;
      },
      isOver: () => open === 0 && ready.length === 0,
      onWait() {},
      onEnd() {},
    },
    signal,
  );

  function advance(prompt: number): void {
    readers[prompt]!.next().then(
      ({ done, value }) => {
        if (done) open -= 1;
        else ready.push({ prompt, event: value });
        wake();
      },
      (error: unknown) => {
        failure = { error };
        open -= 1;
        wake();
      },
    );
  }

  for (const prompt of readers.keys()) advance(prompt);
  const failing: AsyncIterableIterator<GenerationEvent> = {
    async next() {
      const result = await iterator.next();
      if (result.done && failure) throw failure.error;
      return result;
    },
    [Symbol.asyncIterator]: () => failing,
  };
  return failing;
}
