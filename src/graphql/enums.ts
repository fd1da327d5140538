import { errorCodes, type LimitName, type LimitScope } from '../contracts/errors.ts';
import type { ChatRole, FinishReason, ModelStatus } from '../contracts/inference.ts';
import type { PooledReplicaState } from '../contracts/pool.ts';
import type { Scope } from '../contracts/stores/api-keys.ts';
import type { AuditAction } from '../contracts/stores/audit.ts';
import type { CompletionMode, CompletionStatus } from '../contracts/stores/completions.ts';
import type { UsageGranularity, UsageGroup } from '../contracts/stores/usage.ts';
import { builder } from './builder.ts';

/** An enum whose GraphQL names are the domain's own values. */
function enumOf<Value extends string>(name: string, description: string, values: Readonly<Record<Value, string>>) {
  const entries = Object.entries<string>(values).map(([value, text]) => [value, { value, description: text }]);
  return builder.enumType<string, Record<Value, { value: Value; description: string }>>(name, {
    description,
    values: Object.fromEntries(entries),
  });
}

export const ErrorCodeEnum = builder.enumType('ErrorCode', {
  description: 'Why something failed. The codes are stable; messages are for people and may change.',
  values: Object.fromEntries(errorCodes.map((code) => [code, { description: describeCode(code) }])) as Record<
    (typeof errorCodes)[number],
    { description: string }
  >,
});

function describeCode(code: (typeof errorCodes)[number]): string {
  const descriptions = {
    UNAUTHENTICATED: 'No API key, or one that is unknown, revoked or expired.',
    FORBIDDEN: 'The API key lacks the scope that this needs.',
    NOT_FOUND: "There is no such thing, or it is another project's: the two are not told apart.",
    INVALID_INPUT: 'An input breaks a rule; `issues` says where and why.',
    PAYLOAD_TOO_LARGE: 'The request is larger than the server takes.',
    MODEL_NOT_FOUND: 'No model of this name is open to the API key.',
    MODEL_UNAVAILABLE: 'The model cannot be loaded or keeps crashing.',
    CONTEXT_LENGTH_EXCEEDED: "Prompt and maxTokens together exceed the model's context.",
    RATE_LIMITED: 'A limit per minute or of concurrency is reached; retry after `retryAfterSeconds`.',
    QUOTA_EXCEEDED: 'A quota per day or month is used up.',
    OVERLOADED: 'The server has no room or lost its database for now; retry after `retryAfterSeconds`.',
    IDEMPOTENCY_CONFLICT: 'The idempotencyKey was used with another input.',
    OFFSET_EXPIRED: 'The events asked for are no longer kept.',
    CANCELLED: 'Stopped on request, or because nobody was reading any more.',
    TIMEOUT: 'The deadline (timeoutSeconds) passed.',
    ENGINE_CRASHED: 'The engine died while it worked on this; the text so far is kept.',
    INTERRUPTED: 'The serving process died; the text that was saved is kept.',
    INTERNAL: 'A fault of the server, logged under the request id.',
  } satisfies Record<typeof code, string>;
  return descriptions[code];
}

export const LimitNameEnum = builder.enumType('LimitName', {
  description: 'Which limit. Windows are UTC.',
  values: {
    REQUESTS_PER_MINUTE: { value: 'requestsPerMinute', description: 'Completions created per minute.' },
    TOKENS_PER_MINUTE: { value: 'tokensPerMinute', description: 'Prompt and completion tokens per minute.' },
    CONCURRENT_COMPLETIONS: { value: 'concurrentCompletions', description: 'Completions waiting or running at once.' },
    TOKENS_PER_DAY: { value: 'tokensPerDay', description: 'Prompt and completion tokens per UTC day.' },
    TOKENS_PER_MONTH: { value: 'tokensPerMonth', description: 'Prompt and completion tokens per UTC month.' },
    COST_PER_MONTH: { value: 'costPerMonth', description: 'Money per UTC month, in the configured currency.' },
  } satisfies Record<string, { value: LimitName; description: string }>,
});

export const LimitScopeEnum = enumOf<LimitScope>('LimitScope', 'Whose limit it is; both hold at once.', {
  API_KEY: "The API key's own.",
  PROJECT: 'Shared by all keys of the project.',
});

export const ScopeEnum = enumOf<Scope>('Scope', 'What an API key may do.', {
  COMPLETIONS: 'Create, read and cancel completions and tokenize, within its project. Implies MODELS_READ.',
  EMBEDDINGS: 'Create embeddings.',
  MODELS_READ: 'See the models it may use.',
  USAGE_READ: "See its project's usage.",
  ADMIN: 'Everything, in all projects.',
});

export const CompletionStatusEnum = enumOf<CompletionStatus>(
  'CompletionStatus',
  'Where a completion stands. The last three are final.',
  {
    QUEUED: 'Waits for a free slot of its model.',
    RUNNING: 'Produces text.',
    SUCCEEDED: 'Ended by itself; its text is complete.',
    FAILED: 'Ended by an error (`error`), a deadline included; its text so far is kept.',
    CANCELLED: 'Was stopped on request or for want of readers; its text so far is kept.',
  },
);

export const CompletionModeEnum = enumOf<CompletionMode>(
  'CompletionMode',
  'When the mutation answers, and what happens to a completion that nobody reads.',
  {
    WAIT: 'Answers with the finished completion. Cancelled when the caller leaves (after the grace period where there is an idempotencyKey).',
    STREAM:
      'Answers at once; read completionEvents. Cancelled when no reader has come for 30 s, or the last one has left for 10 s (defaults).',
    BACKGROUND: 'Answers at once and runs whether or not anyone reads; survives a restart while it is queued.',
  },
);

export const FinishReasonEnum = enumOf<FinishReason>('FinishReason', 'Why a choice ended.', {
  STOP: 'The model ended its text.',
  LENGTH: 'maxTokens, or the context, was used up.',
  STOP_SEQUENCE: 'A stop sequence came up; it is not part of the text.',
  TOOL_CALLS: 'The model asks for tools to be called.',
  CANCELLED: 'The completion was cancelled.',
  TIMEOUT: 'The deadline passed.',
  ERROR: 'The completion failed.',
});

export const ChatRoleEnum = enumOf<ChatRole>('ChatRole', 'Who speaks in a message.', {
  SYSTEM: 'Instructions for the model.',
  USER: 'The person.',
  ASSISTANT: 'The model.',
});

export const ModelStatusEnum = enumOf<ModelStatus>('ModelStatus', 'Whether a model is in memory.', {
  UNLOADED: 'Not in memory; the first request loads it.',
  LOADING: 'Being loaded, or waiting for memory; requests wait.',
  LOADED: 'Ready.',
  UNLOADING: 'Leaves memory when what runs has ended; requests that come meanwhile wait, and load it again.',
  FAILED: 'Its file is broken or its engine keeps crashing; requests get MODEL_UNAVAILABLE.',
});

export const ReplicaStateEnum = enumOf<PooledReplicaState>('ReplicaState', 'Where an engine of a model stands.', {
  UNLOADED: 'It has no process; the first request starts it.',
  LOADING: 'Its process loads the model.',
  READY: 'It answers.',
  RESTARTING: 'Its process died, and is started again in a moment.',
  FAILED: "The model's file cannot be loaded; it is tried again after retryAt.",
  CIRCUIT_OPEN:
    'Its process died three times in a minute, or in a row while it loaded; it is started again after retryAt.',
});

export const UsageGranularityEnum = enumOf<UsageGranularity>('UsageGranularity', 'Length of a bucket.', {
  MINUTE: 'One minute; for a range of at most a week.',
  HOUR: 'One hour.',
  DAY: 'From midnight to midnight in the time zone of the report.',
  MONTH: 'A calendar month in the time zone of the report.',
});

export const AuditActionEnum = builder.enumType('AuditAction', {
  description: 'What was done.',
  values: {
    API_KEY_CREATE: { value: 'api-key.create', description: 'An API key was made.' },
    API_KEY_UPDATE: { value: 'api-key.update', description: 'An API key was changed.' },
    API_KEY_ROTATE: { value: 'api-key.rotate', description: 'An API key got another secret.' },
    API_KEY_REVOKE: { value: 'api-key.revoke', description: 'An API key was revoked.' },
    PROJECT_CREATE: { value: 'project.create', description: 'A project was made.' },
    PROJECT_UPDATE: { value: 'project.update', description: 'A project was changed.' },
    MODEL_LOAD: { value: 'model.load', description: 'A model was ordered into memory.' },
    MODEL_UNLOAD: { value: 'model.unload', description: 'A model was ordered out of memory.' },
    PROJECT_ARCHIVE: { value: 'project.archive', description: 'A project was archived.' },
    SECRET_ROTATE: {
      value: 'secret.rotate',
      description: "The database moved to another secret of the server's: at the start of the first node that has it.",
    },
  } satisfies Record<string, { value: AuditAction; description: string }>,
});

export const UsageGroupEnum = enumOf<UsageGroup>('UsageGroup', 'What the rows of a report are told apart by.', {
  PROJECT: 'The project.',
  API_KEY: 'The API key.',
  MODEL: 'The model.',
  USER: "The caller's own `user` tag.",
});
