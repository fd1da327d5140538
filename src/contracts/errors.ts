/**
 * How things fail, in three kinds:
 *
 * 1. A *check* returns an outcome (`{ admitted: false, … }`): being refused is an answer, not an exception.
 * 2. An *operation* that cannot go on throws a `DomainError` with one of the stable codes below. Each face maps
 *    the codes once, in one file.
 * 3. Anything else that is thrown is a bug: masked and logged once, at the edge.
 *
 * A failure after streaming began is neither: it is the terminal event of the completion's log.
 */
export const errorCodes = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'INVALID_INPUT',
  'PAYLOAD_TOO_LARGE',
  'MODEL_NOT_FOUND',
  'MODEL_UNAVAILABLE',
  'CONTEXT_LENGTH_EXCEEDED',
  'RATE_LIMITED',
  'QUOTA_EXCEEDED',
  'OVERLOADED',
  'IDEMPOTENCY_CONFLICT',
  'OFFSET_EXPIRED',
  'CANCELLED',
  'TIMEOUT',
  'ENGINE_CRASHED',
  'INTERRUPTED',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** One thing wrong with an input: where (`['stop', '3']`), a machine-readable rule, and what to do about it. */
export interface InputIssue {
  readonly path: readonly string[];
  readonly code: string;
  readonly message: string;
}

/** Machine-readable facts of an error; each is present only where it means something. */
export interface ErrorFacts {
  /** When a retry makes sense; present on every retryable error. */
  readonly retryAfterSeconds?: number;
  readonly issues?: readonly InputIssue[];
  /** CONTEXT_LENGTH_EXCEEDED: tokens of the prompt (or the lower bound that was proven), and what the model holds. */
  readonly promptTokens?: number;
  readonly contextSize?: number;
  /** RATE_LIMITED, QUOTA_EXCEEDED: which limit, of whom, its size, what is taken, when it resets. */
  readonly limitName?: LimitName;
  readonly limitScope?: LimitScope;
  readonly limit?: bigint;
  readonly used?: bigint;
  readonly resetsAt?: Date;
  /** RATE_LIMITED, QUOTA_EXCEEDED: the request alone is larger than the limit, so waiting cannot help. */
  readonly neverFits?: true;
}

export type LimitName =
  | 'requestsPerMinute'
  | 'tokensPerMinute'
  | 'concurrentCompletions'
  | 'tokensPerDay'
  | 'tokensPerMonth'
  | 'costPerMonth';

export type LimitScope = 'API_KEY' | 'PROJECT';

export class DomainError extends Error {
  override readonly name = 'DomainError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly facts: ErrorFacts = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What of an error is kept with a completion and shown to its readers. */
export interface CompletionError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}
