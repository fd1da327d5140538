import type { CompletionError, LimitName, LimitScope } from './errors.ts';
import type { ApiKeyId, AuditEventId, CompletionId, ProjectId, UsageRecordId } from './ids.ts';
import type { ChatMessage, FinishReason, InferenceUsage, ModelPrice, Sampling } from './inference.ts';

/**
 * The stores: everything that must outlive the process. One adapter serves PGlite and PostgreSQL. Every method is one
 * transaction; none waits for anything but the database. Where the database does not answer, methods throw
 * StoreUnavailableError, and the caller decides (admission fails closed, settlement retries).
 */
export interface Store extends AsyncDisposable {
  readonly projects: ProjectStore;
  readonly apiKeys: ApiKeyStore;
  readonly completions: CompletionStore;
  readonly usage: UsageStore;
  readonly audit: AuditStore;
  readonly instance: InstanceStore;
  /** Whether other processes may share this database (PostgreSQL) or it is ours alone (embedded, locked). */
  readonly shared: boolean;
  /** Resolves when a trivial statement was answered; throws StoreUnavailableError. */
  ping(): Promise<void>;
}

/** The database does not answer; nothing is known of the statement's fate, so every write is safe to repeat. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

// ── Pages ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A keyset page, newest first. `cursor` is the id of the last row of the page before (exclusive), in the direction of reading. */
export interface PageRequest<RowId extends string> {
  readonly limit: number;
  readonly direction: 'forward' | 'backward';
  readonly cursor?: RowId;
}

/** Rows are newest first in either direction; `hasMore` speaks of the direction of reading. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly hasMore: boolean;
}

// ── Projects and keys ────────────────────────────────────────────────────────────────────────────────────────────

export interface Limits {
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  readonly concurrentCompletions: number | null;
  readonly tokensPerDay: bigint | null;
  readonly tokensPerMonth: bigint | null;
  /** 10⁻⁹ of the configured currency. */
  readonly costPerMonth: bigint | null;
}

export interface Project {
  readonly id: ProjectId;
  readonly name: string;
  readonly limits: Limits;
  readonly createdAt: Date;
  readonly archivedAt: Date | null;
}

export const scopes = ['COMPLETIONS', 'EMBEDDINGS', 'MODELS_READ', 'USAGE_READ', 'ADMIN'] as const;
export type Scope = (typeof scopes)[number];

export interface ApiKey {
  readonly id: ApiKeyId;
  readonly projectId: ProjectId;
  readonly name: string;
  /** `slc_` and the first characters of the secret: enough to recognise a key, too little to use it. */
  readonly hint: string;
  readonly scopes: readonly Scope[];
  /** Model names the key may use; null is all. */
  readonly models: readonly string[] | null;
  readonly limits: Limits;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
  /** Until when the secret before the last rotation still opens; null where there is none. */
  readonly previousSecretExpiresAt: Date | null;
}

export interface ProjectStore {
  /** The project named "default", made on first call. */
  ensureDefault(): Promise<Project>;
  find(ids: readonly ProjectId[]): Promise<readonly Project[]>;
  list(filter: ProjectFilter, page: PageRequest<ProjectId>): Promise<Page<Project>>;
  /** Stores the project and its audit event. */
  create(project: NewProject, audit: AuditEntry): Promise<ProjectOutcome>;
  /** Changes what is given. What changes nothing writes no audit event. */
  update(id: ProjectId, changes: ProjectChanges, audit: AuditEntry): Promise<ProjectOutcome>;
  /** Archiving again keeps the first moment and writes no second audit event. Undefined for an unknown id. */
  archive(id: ProjectId, at: Date, audit: AuditEntry): Promise<Project | undefined>;
}

export type NewProject = Omit<Project, 'archivedAt'>;

export interface ProjectChanges {
  readonly name?: string;
  readonly limits?: Partial<Limits>;
}

export type ProjectOutcome =
  | { readonly type: 'stored'; readonly project: Project }
  | { readonly type: 'name-taken' }
  | { readonly type: 'unknown' };

export interface ProjectFilter {
  readonly archived?: boolean;
}

export interface ApiKeyStore {
  /** Stores the key and its audit event. `hash` is the HMAC of the secret, unique. */
  create(key: NewApiKey, audit: AuditEntry): Promise<ApiKey>;
  /**
   * The key of a secret's HMAC, whatever its state: the caller checks expiry and revocation. Told of the secret, not of the key: one that
   * was rotated away expires with its grace, and one of an archived project counts as revoked.
   */
  findByHash(hash: Uint8Array): Promise<ApiKey | undefined>;
  find(ids: readonly ApiKeyId[]): Promise<readonly ApiKey[]>;
  list(filter: ApiKeyFilter, page: PageRequest<ApiKeyId>): Promise<Page<ApiKey>>;
  /** Revoking again keeps the first moment and writes no second audit event. Undefined for an unknown id. */
  revoke(id: ApiKeyId, at: Date, audit: AuditEntry): Promise<ApiKey | undefined>;
  /** Changes what is given. What changes nothing writes no audit event. */
  update(id: ApiKeyId, changes: ApiKeyChanges, audit: AuditEntry): Promise<ApiKeyOutcome>;
  /** Gives the key another secret. The one before opens until `graceUntil`; while an earlier one still does, that one keeps its own end. */
  rotate(id: ApiKeyId, rotation: Rotation, audit: AuditEntry): Promise<ApiKeyOutcome>;
  /** One statement for many; never moves a moment back. */
  touch(lastUsed: ReadonlyMap<ApiKeyId, Date>): Promise<void>;
}

export type NewApiKey = Omit<ApiKey, 'revokedAt' | 'lastUsedAt' | 'previousSecretExpiresAt'> & {
  readonly hash: Uint8Array;
};

export interface ApiKeyChanges {
  readonly name?: string;
  readonly scopes?: readonly Scope[];
  readonly models?: readonly string[] | null;
  readonly expiresAt?: Date | null;
  readonly limits?: Partial<Limits>;
}

export interface Rotation {
  /** The HMAC of the new secret. */
  readonly hash: Uint8Array;
  readonly hint: string;
  readonly at: Date;
  readonly graceUntil: Date;
}

export type ApiKeyOutcome =
  | { readonly type: 'stored'; readonly apiKey: ApiKey }
  /** A revoked key changes no more. */
  | { readonly type: 'revoked' }
  | { readonly type: 'unknown' };

export interface ApiKeyFilter {
  readonly projectId?: ProjectId;
  readonly revoked?: boolean;
}

// ── Completions ──────────────────────────────────────────────────────────────────────────────────────────────────

/**
 *            admit            start               finalise
 *   (nothing) ──▶ QUEUED ──────▶ RUNNING ──────────▶ SUCCEEDED | FAILED | CANCELLED
 *                    └──────────────────────────────▶ FAILED | CANCELLED          (ended while waiting)
 *
 * Nothing leaves a final state. `start` raises the epoch; `checkpoint` and `finalise` carry it and lose against a newer one.
 */
export const completionStatuses = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const;
export type CompletionStatus = (typeof completionStatuses)[number];

export const completionModes = ['WAIT', 'STREAM', 'BACKGROUND'] as const;
export type CompletionMode = (typeof completionModes)[number];

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** What was asked, checked and complete with defaults: enough to run it again from the store. */
export interface CompletionRequest {
  readonly prompt: string | null;
  readonly messages: readonly ChatMessage[] | null;
  readonly n: number;
  readonly stop: readonly string[];
  readonly sampling: Sampling;
  readonly priority: number;
  readonly timeoutSeconds: number;
}

export interface CompletionChoice {
  readonly index: number;
  readonly text: string;
  readonly finishReason: FinishReason | null;
  readonly stopSequence: string | null;
}

export interface Completion {
  readonly id: CompletionId;
  readonly projectId: ProjectId;
  readonly apiKeyId: ApiKeyId;
  /** The model's own name, also where the request used an alias. */
  readonly model: string;
  readonly mode: CompletionMode;
  readonly status: CompletionStatus;
  readonly user: string | null;
  readonly metadata: JsonValue;
  readonly idempotencyKey: string | null;
  /** Of the normalised input, as admission got it. */
  readonly inputHash: Uint8Array;
  /** Granted tokens per choice. */
  readonly maxTokens: number;
  readonly n: number;
  readonly seed: number;
  readonly promptTokens: number;
  /** Prompt and parameters; null once the content is gone (`store: false` after the end, or pruned). */
  readonly request: CompletionRequest | null;
  /** The text so far; null once the content is gone. */
  readonly choices: readonly CompletionChoice[] | null;
  /** Final once the status is; before, what the last checkpoint saw. */
  readonly usage: InferenceUsage;
  /** 10⁻⁹ of the currency; null until settled. */
  readonly cost: bigint | null;
  readonly error: CompletionError | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly firstTokenAt: Date | null;
  readonly finishedAt: Date | null;
  readonly epoch: number;
  /** The terminal event's seq once final; before, a seq that no reader can have passed. */
  readonly lastSeq: number;
  /** Which seq brought which text (lib/text-index); null once the content is gone. */
  readonly textIndex: Uint8Array | null;
}

export interface CompletionStore {
  /**
   * Admission: one transaction that locks project, then key, answers an idempotency key that was seen before, checks every limit of both, reserves the
   * worst case (promptTokens + maxTokens × n, and its cost) and stores the completion as QUEUED with a lease. A refusal changes nothing.
   */
  admit(admission: Admission): Promise<AdmissionOutcome>;

  /** QUEUED → RUNNING, before the first token is shown. False where the completion is not waiting any more (somebody ended it). */
  start(id: CompletionId, epoch: number, at: Date): Promise<boolean>;

  /**
   * One statement for all running completions of this process: text, counts, the text index, a seq that no reader can pass before the
   * next checkpoint; and it extends the leases of these and of the `waiting` ones. Rows with a stale epoch are left alone.
   */
  checkpoint(running: readonly Checkpoint[], waiting: readonly CompletionId[], leaseUntil: Date): Promise<void>;

  /**
   * Ends a completion: one transaction for the final text, the one usage record, the roll-up and the settlement of the reservation. Replayed any
   * number of times, the first wins: the result is the completion as it stands.
   */
  finalise(settlement: Settlement): Promise<Completion>;

  /**
   * Forgets the content, or the idempotency keys, of the oldest completions that ended and were admitted before the moment: at most `limit`
   * of them. Answers how many it went through; fewer than the limit is all for now. Usage stays.
   */
  forget(what: Forgettable, before: Date, limit: number): Promise<number>;

  find(ids: readonly CompletionId[]): Promise<readonly Completion[]>;
  findByIdempotencyKey(apiKeyId: ApiKeyId, idempotencyKey: string): Promise<Completion | undefined>;
  list(filter: CompletionFilter, page: PageRequest<CompletionId>): Promise<Page<Completion>>;

  /** Unfinished completions whose lease ended before the moment: their process is dead. Oldest first. */
  abandoned(leaseEndedBefore: Date, limit: number): Promise<readonly Completion[]>;

  /** Gives an unfinished completion a new lease under the given epoch, the one after its own; false where somebody else was faster. For running a waiting one again. */
  adopt(id: CompletionId, epoch: number, leaseUntil: Date): Promise<boolean>;
}

export type Forgettable = 'content' | 'idempotency-keys';

export interface CompletionFilter {
  /** Null is every project (administrators). */
  readonly projectId: ProjectId | null;
  readonly apiKeyId?: ApiKeyId;
  readonly status?: readonly CompletionStatus[];
  readonly model?: string;
  readonly user?: string;
  readonly createdFrom?: Date;
  readonly createdBefore?: Date;
}

export interface Admission {
  readonly id: CompletionId;
  readonly projectId: ProjectId;
  readonly apiKeyId: ApiKeyId;
  readonly model: string;
  readonly mode: CompletionMode;
  readonly user: string | null;
  readonly metadata: JsonValue;
  readonly idempotencyKey: string | null;
  /** Of the normalised input: the same key with another one is a conflict. */
  readonly inputHash: Uint8Array;
  readonly request: CompletionRequest;
  readonly promptTokens: number;
  readonly maxTokens: number;
  /** The caller named no maxTokens: lower it to what the limits leave (at least 1) rather than refuse. */
  readonly maxTokensLowerable: boolean;
  readonly price: ModelPrice;
  readonly keepContent: boolean;
  readonly at: Date;
  readonly leaseUntil: Date;
}

export type AdmissionOutcome =
  | { readonly type: 'admitted'; readonly completion: Completion }
  /** The idempotency key was seen with the same input. */
  | { readonly type: 'existing'; readonly completion: Completion }
  | { readonly type: 'conflict' }
  /** The key or its project is gone or revoked in the meantime. */
  | { readonly type: 'key-inactive' }
  | { readonly type: 'limited'; readonly refusal: LimitRefusal };

export interface LimitRefusal {
  readonly name: LimitName;
  readonly scope: LimitScope;
  readonly limit: bigint;
  /** Used and reserved, before this request. */
  readonly used: bigint;
  /** What this request would have taken. */
  readonly requested: bigint;
  readonly resetsAt: Date | null;
  readonly retryAfterSeconds: number;
  /** The request alone is larger than the limit: waiting cannot help. */
  readonly neverFits: boolean;
}

export interface Checkpoint {
  readonly id: CompletionId;
  readonly epoch: number;
  readonly choices: readonly CompletionChoice[];
  readonly usage: InferenceUsage;
  readonly firstTokenAt: Date | null;
  /** A seq beyond any that can be handed out before the next checkpoint. */
  readonly reservedSeq: number;
  readonly textIndex: Uint8Array;
}

export interface Settlement {
  readonly id: CompletionId;
  readonly epoch: number;
  readonly status: 'SUCCEEDED' | 'FAILED' | 'CANCELLED';
  readonly choices: readonly CompletionChoice[];
  readonly usage: InferenceUsage;
  readonly error: CompletionError | null;
  readonly startedAt: Date | null;
  readonly firstTokenAt: Date | null;
  readonly finishedAt: Date;
  readonly terminalSeq: number;
  readonly textIndex: Uint8Array;
}

// ── Usage, limits, audit ─────────────────────────────────────────────────────────────────────────────────────────

/** One per completion, whatever its ending; written once, by `finalise`. */
export interface UsageRecord {
  readonly id: UsageRecordId;
  readonly completionId: CompletionId;
  readonly projectId: ProjectId;
  readonly apiKeyId: ApiKeyId;
  readonly model: string;
  readonly user: string | null;
  readonly status: CompletionStatus;
  /** Of choice 0. */
  readonly finishReason: FinishReason | null;
  readonly errorCode: string | null;
  readonly usage: InferenceUsage;
  readonly cost: bigint;
  readonly price: ModelPrice;
  readonly queueSeconds: number;
  readonly timeToFirstTokenSeconds: number | null;
  readonly durationSeconds: number;
  readonly tokensPerSecond: number | null;
  /** The moment of admission: it decides the day, the month and the bucket. */
  readonly createdAt: Date;
}

export interface UsageStore {
  records(filter: UsageRecordFilter, page: PageRequest<UsageRecordId>): Promise<Page<UsageRecord>>;
  findByCompletion(ids: readonly CompletionId[]): Promise<readonly UsageRecord[]>;
  findRecords(ids: readonly UsageRecordId[]): Promise<readonly UsageRecord[]>;
  report(query: UsageQuery): Promise<readonly UsageRow[]>;
  /** How the requests of the same rows spread; a row without any value is left out. */
  percentiles(query: UsageQuery): Promise<readonly UsagePercentilesRow[]>;
  /** What the limits of a key and its project stand at; only limits that are set. */
  limits(apiKeyId: ApiKeyId, at: Date): Promise<readonly LimitState[]>;
}

export interface UsageRecordFilter {
  readonly projectId: ProjectId | null;
  readonly apiKeyId?: ApiKeyId;
  readonly model?: string;
  readonly user?: string;
  readonly from?: Date;
  readonly before?: Date;
}

export const usageGroups = ['PROJECT', 'API_KEY', 'MODEL', 'USER'] as const;
export type UsageGroup = (typeof usageGroups)[number];
export const usageGranularities = ['MINUTE', 'HOUR', 'DAY', 'MONTH'] as const;
export type UsageGranularity = (typeof usageGranularities)[number];

export interface UsageQuery {
  readonly projectId: ProjectId | null;
  readonly from: Date;
  readonly before: Date;
  /** Null: one bucket for the whole range. */
  readonly granularity: UsageGranularity | null;
  /** IANA name; buckets of a day or a month start at its midnight. */
  readonly timeZone: string;
  readonly groupBy: readonly UsageGroup[];
}

/** Off by at most 5 %: they are read from logarithmic bins. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
}

export type UsagePercentilesRow = UsageRowKey & {
  /** From admission to the first token, of the requests that had one. */
  readonly timeToFirstTokenSeconds: Percentiles | null;
  /** Per request, of those that produced a token. */
  readonly tokensPerSecond: Percentiles | null;
};

/** What a row of a report is told apart by. */
export interface UsageRowKey {
  /** Null for the whole range. */
  readonly bucketStart: Date | null;
  readonly projectId: ProjectId | null;
  readonly apiKeyId: ApiKeyId | null;
  readonly model: string | null;
  readonly user: string | null;
}

export interface UsageRow extends UsageRowKey {
  readonly requests: bigint;
  readonly errors: bigint;
  readonly promptTokens: bigint;
  readonly cachedPromptTokens: bigint;
  readonly completionTokens: bigint;
  readonly cost: bigint;
}

export interface LimitState {
  readonly name: LimitName;
  readonly scope: LimitScope;
  readonly limit: bigint;
  /** Used and reserved. */
  readonly used: bigint;
  readonly resetsAt: Date | null;
}

/** What an administrative change writes, in its own transaction. Never holds a secret, a prompt or an output. */
export interface AuditEntry {
  readonly id: AuditEventId;
  readonly at: Date;
  /** Null: the operator at the server's own command line. */
  readonly actorApiKeyId: ApiKeyId | null;
  readonly action: AuditAction;
}

export const auditActions = [
  'api-key.create',
  'api-key.update',
  'api-key.rotate',
  'api-key.revoke',
  'project.create',
  'project.update',
  'project.archive',
] as const;
export type AuditAction = (typeof auditActions)[number];

export interface AuditEvent extends AuditEntry {
  readonly targetId: string;
  readonly projectId: ProjectId | null;
  readonly before: JsonValue;
  readonly after: JsonValue;
}

export interface AuditStore {
  list(filter: AuditFilter, page: PageRequest<AuditEventId>): Promise<Page<AuditEvent>>;
  find(ids: readonly AuditEventId[]): Promise<readonly AuditEvent[]>;
}

export interface AuditFilter {
  readonly projectId?: ProjectId;
  readonly action?: AuditAction;
}

/** Facts about the installation. */
export interface InstanceStore {
  /** Keeps the fingerprint on first call; later calls answer whether it is the same. */
  matchSecretFingerprint(fingerprint: string): Promise<boolean>;
}
