import { DomainError, type ErrorCode, type ErrorFacts } from '../contracts/errors.ts';
import { StoreUnavailableError } from '../contracts/stores/store.ts';
import type { ErrorBody } from './responses.ts';

/** An error of this face's own: a request that the official API would refuse in these words. */
export class OpenAiError extends Error {
  override readonly name = 'OpenAiError';

  constructor(
    readonly status: number,
    readonly code: string | null,
    message: string,
    readonly param: string | null = null,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

/** What a client is told: status, headers and body. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBody;
}

interface Kind {
  readonly status: number;
  readonly type: string;
  readonly code: string;
}

const invalidRequest = 'invalid_request_error';
const serverError = 'server_error';

/** Every code of the service in OpenAI's terms. Their clients repeat 408, 409, 429 and 5xx unless told otherwise. */
const kinds = {
  UNAUTHENTICATED: { status: 401, type: invalidRequest, code: 'invalid_api_key' },
  FORBIDDEN: { status: 403, type: invalidRequest, code: 'insufficient_permissions' },
  NOT_FOUND: { status: 404, type: invalidRequest, code: 'not_found' },
  INVALID_INPUT: { status: 400, type: invalidRequest, code: 'invalid_value' },
  PAYLOAD_TOO_LARGE: { status: 413, type: invalidRequest, code: 'payload_too_large' },
  MODEL_NOT_FOUND: { status: 404, type: invalidRequest, code: 'model_not_found' },
  MODEL_UNAVAILABLE: { status: 503, type: serverError, code: 'model_unavailable' },
  CONTEXT_LENGTH_EXCEEDED: { status: 400, type: invalidRequest, code: 'context_length_exceeded' },
  RATE_LIMITED: { status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded' },
  QUOTA_EXCEEDED: { status: 429, type: 'insufficient_quota', code: 'insufficient_quota' },
  OVERLOADED: { status: 503, type: serverError, code: 'overloaded' },
  IDEMPOTENCY_CONFLICT: { status: 409, type: invalidRequest, code: 'idempotency_conflict' },
  OFFSET_EXPIRED: { status: 410, type: invalidRequest, code: 'offset_expired' },
  CANCELLED: { status: 409, type: serverError, code: 'cancelled' },
  TIMEOUT: { status: 504, type: serverError, code: 'timeout' },
  ENGINE_CRASHED: { status: 500, type: serverError, code: 'engine_crashed' },
  INTERRUPTED: { status: 503, type: serverError, code: 'interrupted' },
  INTERNAL: { status: 500, type: serverError, code: 'internal_error' },
} as const satisfies Record<ErrorCode, Kind>;

/** The domain's names of what a request says, and this face's. */
const parameterNames: Readonly<Record<string, string>> = {
  tokens: 'prompt',
  maxTokens: 'max_tokens',
  topP: 'top_p',
  topK: 'top_k',
  minP: 'min_p',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
  repeatPenalty: 'repeat_penalty',
  logitBias: 'logit_bias',
  idempotencyKey: 'Idempotency-Key',
};

/** Longer than this a client should not be left waiting for its own next try. */
const longestRetrySeconds = 60;

/** The answer to an error; undefined for a bug, which is the caller's to log. */
export function answerError(error: unknown): ErrorAnswer | undefined {
  if (error instanceof OpenAiError) {
    const { status, code, message, param, headers } = error;
    return { status, headers, body: { error: { message, type: invalidRequest, param, code } } };
  }
  if (error instanceof StoreUnavailableError) {
    const facts = { retryAfterSeconds: 5 };
    return answerError(new DomainError('OVERLOADED', 'The database does not answer. Try again in 5 s.', facts));
  }
  if (!(error instanceof DomainError)) return undefined;
  const { status, type, code } = kinds[error.code];
  const { message, param } = inOpenAiTerms(error);
  return { status, headers: retryHeaders(status, error.facts), body: { error: { message, type, param, code } } };
}

/** The answer to a bug: says nothing of it but how to find it in the log. */
export function maskedError(requestId: string): ErrorAnswer {
  const message = `Something went wrong on the server (request ${requestId}).`;
  return answerError(new DomainError('INTERNAL', message))!;
}

function retryHeaders(status: number, { retryAfterSeconds, neverFits }: ErrorFacts): Record<string, string> {
  const repeatedByClients = status === 409 || status === 429 || status >= 500;
  if (retryAfterSeconds === undefined || neverFits) return repeatedByClients ? { 'x-should-retry': 'false' } : {};
  const headers: Record<string, string> = {
    'retry-after': String(Math.ceil(retryAfterSeconds)),
    'retry-after-ms': String(Math.ceil(retryAfterSeconds * 1_000)),
  };
  if (retryAfterSeconds > longestRetrySeconds) headers['x-should-retry'] = 'false';
  return headers;
}

function inOpenAiTerms({ code, message, facts }: DomainError): { message: string; param: string | null } {
  switch (code) {
    case 'INVALID_INPUT': {
      const [issue] = facts.issues ?? [];
      if (!issue) return { message, param: null };
      const param = parameterName(issue.path);
      const sentence = issue.message.replace(/\.$/u, '');
      return { message: param === null ? `${sentence}.` : `Invalid value for '${param}': ${sentence}.`, param };
    }
    case 'MODEL_NOT_FOUND':
      return { message, param: 'model' };
    case 'CONTEXT_LENGTH_EXCEEDED':
      return {
        message: `This model's maximum context length is ${facts.contextSize} tokens. ${inOurWords(message)}`,
        param: null,
      };
    default:
      return { message: inOurWords(message), param: null };
  }
}

/** `['messages', '0', 'content']` is `messages[0].content`. */
export function parameterName(path: readonly PropertyKey[]): string | null {
  const [first, ...rest] = path.map(String);
  if (first === undefined) return null;
  const steps = rest.map((step) => (/^\d+$/u.test(step) ? `[${step}]` : `.${step}`));
  return [parameterNames[first] ?? first, ...steps].join('');
}

function inOurWords(message: string): string {
  return message.replace(/\b(?:maxTokens|idempotencyKey)\b/gu, (name) => parameterNames[name] ?? name);
}
