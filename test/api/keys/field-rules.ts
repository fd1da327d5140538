/**
 * Who sees a field of what it was shown:
 *
 *   seen          everyone; the root fields decide who gets there (test/unit/graphql/access.test.ts), for ids their nouns (node-access.test.ts)
 *   own key       administrators, and the key that it names; others see null
 *   ADMIN         administrators; others see null
 *   COMPLETIONS   keys with that scope; others get FORBIDDEN in its place
 */
export type FieldRule = 'seen' | 'own key' | 'ADMIN' | 'COMPLETIONS';

const error = { seen: 'code message' };
const retryableError = { seen: 'code message retryAfterSeconds' };
const limitError = { seen: 'code message retryAfterSeconds limit limitName limitScope resetsAt used' };
const connection = { seen: 'edges pageInfo' };
const edge = { seen: 'cursor node' };
const event = 'at completionId seq';
const sums =
  'cachedPromptTokens completionTokens cost errors promptTokens requests timeToFirstTokenSeconds tokensPerSecond totalTokens';

/** Every type but the three roots, with every field of it. */
const table: Readonly<Record<string, Partial<Record<FieldRule, string>>>> = {
  Node: { seen: 'id' },
  PageInfo: { seen: 'endCursor hasNextPage hasPreviousPage startCursor' },

  Viewer: { seen: 'apiKey limits project scopes' },
  Limit: { seen: 'limit name remaining resetsAt scope used' },

  ApiKey: {
    seen: 'createdAt expiresAt hint id lastUsedAt limits models name previousSecretExpiresAt project revokedAt scopes',
  },
  ApiKeyConnection: connection,
  ApiKeyEdge: edge,
  CreateApiKeyPayload: { seen: 'apiKey secret' },
  UpdateApiKeyPayload: { seen: 'apiKey' },
  RotateApiKeyPayload: { seen: 'apiKey secret' },
  RevokeApiKeyPayload: { seen: 'apiKey' },

  Project: { seen: 'archivedAt createdAt id limits name' },
  ProjectConnection: connection,
  ProjectEdge: edge,
  Limits: {
    seen: 'concurrentCompletions costPerMonth requestsPerMinute tokensPerDay tokensPerMinute tokensPerMonth',
  },
  CreateProjectPayload: { seen: 'project' },
  UpdateProjectPayload: { seen: 'project' },
  ArchiveProjectPayload: { seen: 'project' },

  AuditEvent: { seen: 'action actor after at before id project targetId' },
  AuditEventConnection: connection,
  AuditEventEdge: edge,

  Model: { seen: 'aliases contextSize defaultMaxTokens facts name price slots status', ADMIN: 'error' },
  ModelFacts: { seen: 'architecture hasChatTemplate parameters sizeBytes trainContextSize vocabularySize' },
  ModelPrice: { seen: 'completionPerMillion currency promptPerMillion' },
  // Only the root fields `pool` and `poolEvents`, for administrators, lead to these.
  Pool: { seen: 'memoryBytes models places' },
  PoolPlace: { seen: 'bytes name reservedBytes' },
  PoolModel: { seen: 'aliases error name oldestWaitSeconds replicas reservedBytes status waiting' },
  PoolReplica: { seen: 'engine error index restarts retryAt slots slotsBusy state tokensPerSecond tokensPerStep' },
  EngineFacts: {
    seen: 'cacheType copiesPrompts device flashAttention gpuLayers gpuMemoryBytes layers memoryBytes threads',
  },
  LoadModelPayload: { seen: 'model' },
  UnloadModelPayload: { seen: 'model' },
  PoolEvent: { seen: 'at model type' },
  TokenizeResult: { seen: 'contextSize count model tokens' },

  Completion: {
    seen: 'choices createdAt error finishedAt id maxTokens metadata mode model n project seed startedAt status timings usage user',
    'own key': 'apiKey',
  },
  CompletionChoice: { seen: 'finishReason index stopSequence text' },
  CompletionConnection: connection,
  CompletionEdge: edge,
  CompletionTimings: { seen: 'durationSeconds queueSeconds timeToFirstTokenSeconds tokensPerSecond' },
  CompletionUsage: { seen: 'cachedPromptTokens completionTokens cost promptTokens totalTokens' },
  CreateCompletionPayload: { seen: 'completion' },
  CancelCompletionPayload: { seen: 'completion' },

  CompletionEvent: { seen: event },
  CompletionQueued: { seen: `${event} estimatedWaitSeconds position` },
  CompletionStarted: { seen: `${event} cachedPromptTokens model promptTokens` },
  CompletionDelta: { seen: `${event} choices text` },
  ChoiceDelta: { seen: 'finishReason index stopSequence text' },
  CompletionFinished: { seen: `${event} completion` },
  CompletionFailed: { seen: `${event} completion error` },
  CompletionCancelled: { seen: `${event} completion` },

  UsageReport: { seen: 'buckets currency totals' },
  UsageSums: { seen: sums },
  UsageTotals: { seen: sums },
  UsageBucket: { seen: `${sums} apiKeyId model project start user`, 'own key': 'apiKey' },
  UsagePercentiles: { seen: 'p50 p95' },
  UsageRecord: {
    seen: 'createdAt errorCode finishReason id model price project status timings usage user',
    'own key': 'apiKey',
    COMPLETIONS: 'completion',
  },
  UsageRecordConnection: connection,
  UsageRecordEdge: edge,
  UsageEvent: { seen: 'record' },

  UserError: error,
  CancelledError: error,
  ContextLengthExceededError: { seen: 'code contextSize message promptTokens' },
  EngineCrashedError: retryableError,
  IdempotencyConflictError: error,
  InputIssue: { seen: 'code message path' },
  InternalError: error,
  InterruptedError: retryableError,
  InvalidInputError: { seen: 'code issues message' },
  ModelNotFoundError: error,
  ModelUnavailableError: retryableError,
  NotFoundError: error,
  OverloadedError: retryableError,
  PayloadTooLargeError: error,
  QuotaExceededError: limitError,
  RateLimitedError: limitError,
  TimeoutError: error,
};

/** By `Type.field`. */
export const fieldRules: ReadonlyMap<string, FieldRule> = new Map(
  Object.entries(table).flatMap(([type, fields]) =>
    Object.entries(fields).flatMap(([rule, names]) =>
      names.split(' ').map((name): [string, FieldRule] => [`${type}.${name}`, rule as FieldRule]),
    ),
  ),
);
