import {
  type CompletionError,
  DomainError,
  type ErrorCode,
  type ErrorFacts,
  type LimitName,
} from '../contracts/errors.ts';
import { builder } from './builder.ts';
import { ErrorCodeEnum, LimitNameEnum, LimitScopeEnum } from './enums.ts';
import { one } from './money.ts';

/**
 * One GraphQL type per error code. Both a DomainError that an operation raised and the error that is kept with a
 * completion are answered as such a type; what tells them apart is their code, so each class below recognises by it.
 */
const typeNames = {
  INVALID_INPUT: 'InvalidInputError',
  NOT_FOUND: 'NotFoundError',
  PAYLOAD_TOO_LARGE: 'PayloadTooLargeError',
  MODEL_NOT_FOUND: 'ModelNotFoundError',
  MODEL_UNAVAILABLE: 'ModelUnavailableError',
  CONTEXT_LENGTH_EXCEEDED: 'ContextLengthExceededError',
  RATE_LIMITED: 'RateLimitedError',
  QUOTA_EXCEEDED: 'QuotaExceededError',
  OVERLOADED: 'OverloadedError',
  IDEMPOTENCY_CONFLICT: 'IdempotencyConflictError',
  CANCELLED: 'CancelledError',
  TIMEOUT: 'TimeoutError',
  ENGINE_CRASHED: 'EngineCrashedError',
  INTERRUPTED: 'InterruptedError',
  INTERNAL: 'InternalError',
} as const satisfies Partial<Record<ErrorCode, string>>;

type TypedCode = keyof typeof typeNames;
type Raised = DomainError | CompletionError;

function errorClass(code: TypedCode) {
  return class extends DomainError {
    static override [Symbol.hasInstance](value: unknown): boolean {
      if (value instanceof DomainError) return value.code === code;
      return (
        typeof value === 'object' &&
        value !== null &&
        !(value instanceof Error) &&
        'code' in value &&
        value.code === code
      );
    }
  };
}

function factsOf(error: Raised): ErrorFacts {
  return 'facts' in error ? error.facts : error;
}

export const UserError = builder.interfaceRef<Raised>('UserError').implement({
  description:
    'Something that a caller can understand and act on. Branch on the type or on `code`, never on `message`.',
  fields: (t) => ({
    code: t.expose('code', { type: ErrorCodeEnum, description: 'The stable code, one per type.' }),
    message: t.exposeString('message', { description: 'What happened and what to do, in English, for people.' }),
  }),
  resolveType: ({ code }) => (code in typeNames ? typeNames[code as TypedCode] : typeNames.INTERNAL),
});

const InputIssue = builder.objectRef<NonNullable<ErrorFacts['issues']>[number]>('InputIssue').implement({
  description: 'One thing wrong with an input.',
  fields: (t) => ({
    path: t.stringList({
      description:
        'Where: the names (and list indexes) that lead to the value, such as ["stop", "3"]; empty for the whole input.',
      resolve: ({ path }) => [...path],
    }),
    code: t.exposeString('code', { description: 'The rule that was broken, for programs.' }),
    message: t.exposeString('message', { description: 'The rule that was broken, for people.' }),
  }),
});

export const InvalidInputError = errorClass('INVALID_INPUT');
builder.objectType(InvalidInputError, {
  name: typeNames.INVALID_INPUT,
  description: 'The input breaks a rule. Nothing was created.',
  interfaces: [UserError],
  fields: (t) => ({
    issues: t.field({
      type: [InputIssue],
      description: 'Every broken rule.',
      resolve: (error) => factsOf(error).issues ?? [],
    }),
  }),
});

export const ContextLengthExceededError = errorClass('CONTEXT_LENGTH_EXCEEDED');
builder.objectType(ContextLengthExceededError, {
  name: typeNames.CONTEXT_LENGTH_EXCEEDED,
  description: "The prompt and maxTokens do not fit in the model's context. Shorten the prompt or lower maxTokens.",
  interfaces: [UserError],
  fields: (t) => ({
    promptTokens: t.int({
      nullable: true,
      description: 'Tokens of the prompt, or the least it can have.',
      resolve: (error) => factsOf(error).promptTokens,
    }),
    contextSize: t.int({
      nullable: true,
      description: 'Tokens that the model holds, prompt and answer together.',
      resolve: (error) => factsOf(error).contextSize,
    }),
  }),
});

/** Counts and money of a limit in one unit: 10⁻⁹. */
export function limitAmount(name: LimitName, amount: bigint): bigint {
  return name === 'costPerMonth' ? amount : amount * one;
}

function implementLimitError(code: 'RATE_LIMITED' | 'QUOTA_EXCEEDED', description: string) {
  const LimitError = errorClass(code);
  const amount = (error: Raised, which: 'limit' | 'used') => {
    const { limitName, [which]: value } = factsOf(error);
    return limitName === undefined || value === undefined ? null : limitAmount(limitName, value);
  };
  builder.objectType(LimitError, {
    name: typeNames[code],
    description,
    interfaces: [UserError],
    fields: (t) => ({
      retryAfterSeconds: t.float({
        nullable: true,
        description: 'When to try again, in seconds.',
        resolve: (error) => factsOf(error).retryAfterSeconds,
      }),
      limitName: t.field({
        type: LimitNameEnum,
        nullable: true,
        description: 'Which limit.',
        resolve: (error) => factsOf(error).limitName,
      }),
      limitScope: t.field({
        type: LimitScopeEnum,
        nullable: true,
        description: 'Whose limit.',
        resolve: (error) => factsOf(error).limitScope,
      }),
      limit: t.field({
        type: 'Decimal',
        nullable: true,
        description: 'Its size: a count, or money for COST_PER_MONTH.',
        resolve: (error) => amount(error, 'limit'),
      }),
      used: t.field({
        type: 'Decimal',
        nullable: true,
        description: 'Used and reserved before this request, in the same unit.',
        resolve: (error) => amount(error, 'used'),
      }),
      resetsAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When its window ends; null for a limit without one.',
        resolve: (error) => factsOf(error).resetsAt,
      }),
    }),
  });
  return LimitError;
}

export const RateLimitedError = implementLimitError(
  'RATE_LIMITED',
  'A limit per minute or of concurrency is reached; it frees itself within a minute or when a completion ends. Nothing was created.',
);
export const QuotaExceededError = implementLimitError(
  'QUOTA_EXCEEDED',
  'What the request could use does not fit in what a daily or monthly quota leaves. Nothing was created or charged.',
);

function implementRetryableError(code: TypedCode, description: string) {
  const RetryableError = errorClass(code);
  builder.objectType(RetryableError, {
    name: typeNames[code],
    description,
    interfaces: [UserError],
    fields: (t) => ({
      retryAfterSeconds: t.float({
        nullable: true,
        description: 'When to try again, in seconds; null where trying again does not help.',
        resolve: (error) => factsOf(error).retryAfterSeconds,
      }),
    }),
  });
  return RetryableError;
}

export const OverloadedError = implementRetryableError(
  'OVERLOADED',
  'The waiting line is full, or the database is away. Nothing was created; try again.',
);
export const ModelUnavailableError = implementRetryableError(
  'MODEL_UNAVAILABLE',
  'The model cannot be loaded, or its engine keeps crashing.',
);
export const EngineCrashedError = implementRetryableError(
  'ENGINE_CRASHED',
  'The engine died while it worked on this completion. What it had produced is kept and billed.',
);
export const InterruptedError = implementRetryableError(
  'INTERRUPTED',
  'The serving process died. What had been saved is kept and billed.',
);

function implementPlainError(code: TypedCode, description: string) {
  const PlainError = errorClass(code);
  builder.objectType(PlainError, { name: typeNames[code], description, interfaces: [UserError] });
  return PlainError;
}

export const NotFoundError = implementPlainError(
  'NOT_FOUND',
  "There is no such thing, or it is another project's: the two are not told apart.",
);
export const PayloadTooLargeError = implementPlainError(
  'PAYLOAD_TOO_LARGE',
  'The request is larger than the server takes.',
);
export const ModelNotFoundError = implementPlainError(
  'MODEL_NOT_FOUND',
  'No model of this name or alias is open to the API key.',
);
export const IdempotencyConflictError = implementPlainError(
  'IDEMPOTENCY_CONFLICT',
  'The idempotencyKey was used with another input. Use a new key for new work.',
);
export const CancelledError = implementPlainError('CANCELLED', 'The work was stopped before it could answer.');
export const TimeoutError = implementPlainError(
  'TIMEOUT',
  'The deadline (timeoutSeconds, the wait included) passed. What had been produced is kept and billed.',
);
export const InternalError = implementPlainError('INTERNAL', 'A fault of the server.');
