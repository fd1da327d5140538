import { DomainError } from '../contracts/errors.ts';
import type { Completion } from '../contracts/stores/completions.ts';
import type { Chunks } from './chunks.ts';
import { type Collected, collect } from './collect.ts';
import type { OpenAiContext, OpenAiFaceOptions } from './context.ts';
import { answerError, maskedError, OpenAiError } from './errors.ts';
import { openEventStream } from './event-stream.ts';
import { EndedError, openGenerations } from './generations.ts';
import type { RateLimits } from './rate-limits.ts';
import type { DomainInput } from './translate.ts';

/** A request in the domain's terms, and how its answer looks in OpenAI's. */
export interface Generation {
  readonly inputs: readonly DomainInput[];
  /** It has an idempotency key: the same request again is answered by the completions that the first one made. */
  readonly repeatable: boolean;
  /** Chunks have ids to go on from: the request can be repeated, and they are of one completion. */
  readonly resumable: boolean;
  readonly stream: boolean;
  readonly withUsage: boolean;
  chunks(completion: Completion, withUsage: boolean): Chunks;
  /** Of the first completion, and what all of them came to. */
  response(completion: Completion, collected: Collected): object;
}

export type Generate = (context: OpenAiContext, generation: Generation) => Promise<Response>;

const streamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
  'transfer-encoding': 'chunked',
};

/** Runs a request as one reader of its completions: all text at the end, or as it comes. */
export function createGenerate(options: OpenAiFaceOptions, rateLimits: RateLimits): Generate {
  const { services, principalWatch, pingSeconds, stallSeconds, logger } = options;

  return async (context, generation) => {
    const principal = context.get('principal');
    const requestId = context.get('requestId');
    const after = resumeAfter(context, generation);
    const leaving = new AbortController();
    let revoked: DomainError | undefined;
    let onRevoked = () => leaving.abort();
    const unwatch = principalWatch.watch(principal, (reason) => {
      revoked = new DomainError('UNAUTHENTICATED', reason);
      onRevoked();
    });
    leaving.signal.addEventListener('abort', unwatch, { once: true });
    leaveWith(context.req.raw.signal, leaving);

    try {
      const generations = await openGenerations(services.completions, principal, generation.inputs, after, leaving);
      const [first] = generations.completions as [Completion, ...Completion[]];
      if (!generation.stream) {
        const collected = await collect(generations);
        leaving.abort();
        return context.json(generation.response(first, collected), 200, await rateLimitHeaders());
      }
      const [stream, limits] = await Promise.all([
        openEventStream({
          generations,
          chunks: generation.chunks(first, generation.withUsage),
          withUsage: generation.withUsage,
          withIds: generation.resumable,
          after,
          heartbeatSeconds: pingSeconds,
          stallSeconds,
          cutOff() {
            logger.info({ stallSeconds }, 'a client that had stopped reading was cut off');
            context.env.cutOff();
          },
          leaving,
          find: async ({ id }) => (await services.completions.find(principal, [id]))[0],
          describe: (error) => describe(error, requestId).body,
        }),
        rateLimitHeaders(),
      ]);
      if (revoked) throw revoked;
      onRevoked = () => stream.fail(revoked);
      return context.body(stream.body, 200, { ...streamHeaders, ...limits });
    } catch (error) {
      leaving.abort();
      // The official clients would repeat it, with its key, and only be told the same again.
      if (error instanceof EndedError && generation.repeatable) context.header('x-should-retry', 'false');
      throw revoked ?? error;
    }

    /** They tell of the limits, and decide nothing: an answer does not fail for want of them. */
    async function rateLimitHeaders(): Promise<Record<string, string>> {
      return rateLimits.headers(principal).catch(() => ({}));
    }
  };

  function describe(error: unknown, requestId: string) {
    const known = answerError(error);
    if (known) return known;
    logger.error({ err: error, requestId }, 'a stream failed unexpectedly');
    return maskedError(requestId);
  }
}

function leaveWith(signal: AbortSignal, leaving: AbortController): void {
  if (signal.aborted) leaving.abort();
  else signal.addEventListener('abort', () => leaving.abort(), { once: true });
}

/** Where a repeated request goes on: the id of the last chunk that the client has. */
function resumeAfter(context: OpenAiContext, { stream, resumable }: Generation): number {
  const id = context.req.header('last-event-id');
  if (!id || !stream) return 0;
  if (!resumable) {
    const message =
      'Last-Event-ID resumes a stream of one prompt that was asked for with an Idempotency-Key: send that as well.';
    throw new OpenAiError(400, 'invalid_value', message, 'Last-Event-ID');
  }
  if (!/^\d{1,15}$/u.test(id)) {
    throw new OpenAiError(400, 'invalid_value', 'Last-Event-ID is not the id of an event.', 'Last-Event-ID');
  }
  return Number(id);
}
