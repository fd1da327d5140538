import {
  type ExecutionResult,
  execute,
  type GraphQLError,
  type GraphQLSchema,
  parse,
  subscribe,
  validate,
} from 'graphql';
import type { ApiKeyId, CompletionId, ProjectId, UsageRecordId } from '../../../src/contracts/ids.ts';
import type { ModelDescription } from '../../../src/contracts/inference.ts';
import type { Logger } from '../../../src/contracts/logger.ts';
import type { ApiKey, Scope } from '../../../src/contracts/stores/api-keys.ts';
import type { Completion } from '../../../src/contracts/stores/completions.ts';
import type { Project } from '../../../src/contracts/stores/projects.ts';
import type { UsageRecord } from '../../../src/contracts/stores/usage.ts';
import type { LogEvent } from '../../../src/contracts/token-log.ts';
import type { Principal } from '../../../src/domain/access/principal.ts';
import type { PoolEvent } from '../../../src/domain/pool/watch.ts';
import { noLimits } from '../../../src/domain/quotas/limits-input.ts';
import type { GraphqlContext, Services } from '../../../src/graphql/context.ts';
import { maskError } from '../../../src/graphql/errors.ts';
import { createSchema } from '../../../src/graphql/schema.ts';
import { createPullIterator } from '../../../src/lib/pull-iterator.ts';

const uuid = (last: number) => `01890000-0000-7000-8000-${last.toString().padStart(12, '0')}`;
const at = new Date('2026-01-31T12:00:00Z');

export const projectId = uuid(1) as ProjectId;
export const apiKeyId = uuid(2) as ApiKeyId;
export const completionId = (number = 3) => uuid(number) as CompletionId;
export const usageRecordId = uuid(4) as UsageRecordId;
export const globalId = (noun: string, id: string) => Buffer.from(`${noun}:${id}`).toString('base64url');

export function principalWith(...scopes: Scope[]): Principal {
  return { apiKeyId, projectId, name: 'test', scopes, models: null, expiresAt: null };
}

export function completionWith(changes: Partial<Completion> = {}): Completion {
  return {
    id: completionId(),
    projectId,
    apiKeyId,
    model: 'starter',
    mode: 'WAIT',
    status: 'SUCCEEDED',
    user: null,
    metadata: { tag: [1, 'two'] },
    idempotencyKey: null,
    inputHash: new Uint8Array(),
    maxTokens: 16,
    n: 1,
    seed: 4_294_967_295,
    promptTokens: 3,
    request: null,
    choices: [{ index: 0, text: 'hello', finishReason: 'STOP', stopSequence: null }],
    usage: { promptTokens: 3, cachedPromptTokens: 1, completionTokens: 2 },
    cost: 1_500n,
    error: null,
    createdAt: at,
    startedAt: new Date(at.getTime() + 250),
    firstTokenAt: new Date(at.getTime() + 500),
    finishedAt: new Date(at.getTime() + 1_000),
    epoch: 1,
    lastSeq: 4,
    textIndex: null,
    ...changes,
  };
}

export const project: Project = { id: projectId, name: 'default', limits: noLimits, createdAt: at, archivedAt: null };

export const apiKey: ApiKey = {
  id: apiKeyId,
  projectId,
  name: 'test',
  hint: 'slc_abcd…',
  scopes: ['ADMIN'],
  models: null,
  limits: { ...noLimits, requestsPerMinute: 60, costPerMonth: 12_500_000_000n },
  createdAt: at,
  expiresAt: null,
  revokedAt: null,
  lastUsedAt: null,
  previousSecretExpiresAt: null,
};

export const model: ModelDescription = {
  name: 'starter',
  aliases: ['default'],
  source: 'file:models/starter.gguf',
  status: 'FAILED',
  error: 'no such file: /secret/place',
  contextSize: 1_024,
  defaultMaxTokens: 256,
  slotsInService: 4,
  slots: 8,
  price: { promptNanosPerToken: 2_500n, completionNanosPerToken: 0n },
};

export const usageRecord: UsageRecord = {
  id: usageRecordId,
  completionId: completionId(),
  projectId,
  apiKeyId,
  model: 'starter',
  user: null,
  status: 'SUCCEEDED',
  finishReason: 'STOP',
  errorCode: null,
  usage: { promptTokens: 3, cachedPromptTokens: 1, completionTokens: 2 },
  cost: 1_500n,
  price: model.price,
  queueSeconds: 0.25,
  timeToFirstTokenSeconds: 0.5,
  durationSeconds: 1,
  tokensPerSecond: 4,
  createdAt: at,
};

/** Domain services that answer with the fixtures above; a test replaces what it is about. */
export function fakeServices(changes: { [Name in keyof Services]?: Partial<Services[Name]> } = {}): Services {
  const none = { rows: [], hasMore: false };
  return {
    completions: {
      create: async () => ({ completion: completionWith(), created: true }),
      readEvents: async () => ({ completionId: completionId(), events: eventsOf([]).iterator }),
      waitForEnd: async (_principal, completion) => completion,
      cancel: async () => completionWith({ status: 'CANCELLED' }),
      find: async (_principal, ids) => ids.map((id) => (id === completionId() ? completionWith() : undefined)),
      list: async () => none,
      ...changes.completions,
    },
    models: {
      list: () => [model],
      find: () => model,
      resolve: () => model,
      tokenize: async () => ({ model: 'starter', tokens: [1, 2, 3], contextSize: 1_024 }),
      ...changes.models,
    },
    pool: {
      status: async () => ({ models: [], memoryBytes: null, places: [] }),
      events: (_principal, signal) => silence<PoolEvent>(signal),
      load: async () => model,
      unload: async () => model,
      ...changes.pool,
    },
    keys: {
      create: async () => ({ apiKey, secret: 'slc_secret' }),
      update: async () => apiKey,
      rotate: async () => ({ apiKey, secret: 'slc_secret' }),
      revoke: async () => apiKey,
      find: async (_principal, ids) => ids.map((id) => (id === apiKeyId ? apiKey : undefined)),
      list: async () => none,
      ensureAdmin: async () => undefined,
      ensureOperator: async () => apiKey,
      ...changes.keys,
    },
    projects: {
      create: async () => project,
      update: async () => project,
      archive: async () => project,
      list: async () => none,
      find: async (_principal, ids) => ids.map((id) => (id === projectId ? project : undefined)),
      ...changes.projects,
    },
    usage: {
      report: async () => ({
        buckets: [],
        totals: {
          requests: 0n,
          errors: 0n,
          promptTokens: 0n,
          cachedPromptTokens: 0n,
          completionTokens: 0n,
          cost: 0n,
          percentiles: async () => ({ timeToFirstTokenSeconds: null, tokensPerSecond: null }),
        },
      }),
      records: async () => none,
      findRecords: async (_principal, ids) => ids.map((id) => (id === usageRecordId ? usageRecord : undefined)),
      ofCompletions: async (ids) => ids.map(() => usageRecord),
      live: (_principal, signal) => silence<UsageRecord>(signal),
      limits: async () => [],
      ...changes.usage,
    },
    audit: { list: async () => none, find: async (_principal, ids) => ids.map(() => undefined), ...changes.audit },
    limits: { maxN: 8, maxStop: 16 },
    currency: 'USD',
  };
}

/** A subscription that tells nothing. */
function silence<T>(signal: AbortSignal) {
  return createPullIterator<T>({ take: () => undefined, isOver: () => false, onWait() {}, onEnd() {} }, signal)
    .iterator;
}

/** A log's reader: hands out what it was given, then waits. */
export function eventsOf(events: readonly LogEvent[], signal: AbortSignal = new AbortController().signal) {
  const left = [...events];
  const isTerminal = ({ type }: LogEvent) => type === 'finished' || type === 'failed' || type === 'cancelled';
  let over = false;
  return createPullIterator<LogEvent>(
    {
      take() {
        const event = left.shift();
        over = event !== undefined && isTerminal(event);
        return event;
      },
      isOver: () => over,
      onWait: () => {},
      onEnd: () => {},
    },
    signal,
  );
}

export interface Caller {
  readonly principal?: Principal | null;
  readonly services?: Services;
  readonly signal?: AbortSignal;
}

export function contextOf({ principal = principalWith('ADMIN'), services = fakeServices(), signal }: Caller = {}) {
  return {
    principal,
    services,
    requestId: 'request-1',
    signal: signal ?? new AbortController().signal,
  } satisfies GraphqlContext;
}

export const schema: GraphQLSchema = createSchema();
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Parses, validates and executes as a server does, and shows errors as callers see them. */
export async function query(source: string, caller: Caller = {}, variableValues: Record<string, unknown> = {}) {
  const document = parse(source);
  const invalid = validate(schema, document);
  const result: ExecutionResult =
    invalid.length > 0
      ? { errors: invalid }
      : await execute({ schema, document, contextValue: contextOf(caller), variableValues });
  return {
    data: (result.data ? JSON.parse(JSON.stringify(result.data)) : result.data) as
      | Record<string, unknown>
      | null
      | undefined,
    errors: (result.errors ?? []).map((error) => maskError(error, 'request-1', silentLogger)),
  };
}

/** Like `query`, but the answer must be free of errors. */
export async function answer(source: string, caller: Caller = {}, variables: Record<string, unknown> = {}) {
  const { data, errors } = await query(source, caller, variables);
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('; '));
  return data as Record<string, unknown>;
}

export async function codesOf(source: string, caller: Caller = {}, variables: Record<string, unknown> = {}) {
  const { errors } = await query(source, caller, variables);
  return errors.map(({ extensions }) => extensions.code);
}

export async function open(source: string, caller: Caller = {}, variableValues: Record<string, unknown> = {}) {
  return subscribe({ schema, document: parse(source), contextValue: contextOf(caller), variableValues }) as Promise<
    AsyncGenerator<ExecutionResult, void, void> | { readonly errors: readonly GraphQLError[] }
  >;
}
