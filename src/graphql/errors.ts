import { GraphQLError } from 'graphql';
import { DomainError } from '../contracts/errors.ts';
import type { Logger } from '../contracts/logger.ts';
import { StoreUnavailableError } from '../contracts/stores/store.ts';

const longestMessage = 1_000;

/**
 * What callers see of an error, the same over HTTP, SSE and WebSocket:
 *
 * - a request that GraphQL itself refuses (syntax, validation, variables): as it is, INVALID_INPUT unless it has a code;
 * - a DomainError that no union answers (UNAUTHENTICATED and FORBIDDEN anywhere, any code in a query or before a subscription's
 *   first event): message, `extensions.code` and the facts of the code;
 * - anything else is a bug: logged here, and masked as INTERNAL with the request id.
 */
export function maskError(error: unknown, requestId: string, logger: Logger): GraphQLError {
  const cause = causeOf(error);
  const known = asDomainError(cause);
  if (known) return withCode(error, known.message, { code: known.code, ...shownFacts(known) });
  if (cause instanceof GraphQLError) {
    return withCode(cause, shorten(cause.message), shownExtensions(cause));
  }
  const path = error instanceof GraphQLError ? error.path?.join('.') : undefined;
  logger.error({ err: cause, requestId, path }, 'a request failed unexpectedly');
  return withCode(error, `Something went wrong on the server (request ${requestId}).`, { code: 'INTERNAL', requestId });
}

/** Where a request is wrong GraphQL quotes it, and a prompt may be in it. */
function shorten(message: string): string {
  const half = longestMessage / 2;
  return message.length <= longestMessage ? message : `${message.slice(0, half)} … ${message.slice(-half)}`;
}

/** GraphQL wraps what a resolver throws, at times twice; what it finds wrong itself it wraps in nothing. */
function causeOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

function asDomainError(error: unknown): DomainError | undefined {
  if (error instanceof DomainError) return error;
  if (error instanceof StoreUnavailableError) {
    return new DomainError('OVERLOADED', 'The database does not answer. Try again in 5 s.', { retryAfterSeconds: 5 });
  }
  if (error instanceof Error && error.name === 'AbortError')
    return new DomainError('CANCELLED', 'The caller has left.');
  return undefined;
}

/** Yoga has a code of its own for what is no GraphQL request, and quotes the whole of it; `spec` would make its status 200. */
function shownExtensions({ extensions }: GraphQLError): Record<string, unknown> {
  if (extensions.code !== 'BAD_REQUEST') return { code: 'INVALID_INPUT', ...extensions };
  const { originalError: _quoted, http, ...others } = extensions;
  return { ...others, code: 'INVALID_INPUT', http: { ...(http as object), spec: false } };
}

function shownFacts({ facts }: DomainError): Record<string, unknown> {
  const shown = Object.entries(facts).map(([name, fact]) => [name, typeof fact === 'bigint' ? fact.toString() : fact]);
  return Object.fromEntries(shown);
}

function withCode(error: unknown, message: string, extensions: Record<string, unknown>): GraphQLError {
  const at = error instanceof GraphQLError ? error : undefined;
  return new GraphQLError(message, {
    nodes: at?.nodes ?? null,
    source: at?.source,
    positions: at?.positions ?? null,
    path: at?.path ?? null,
    extensions,
  });
}
