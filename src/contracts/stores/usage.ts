import type { ApiKeyId, CompletionId, ProjectId, UsageRecordId } from '../ids.ts';
import type { FinishReason, InferenceUsage, ModelPrice } from '../inference.ts';
import type { LimitState } from './admission.ts';
import type { CompletionStatus } from './completions.ts';
import type { Page, PageRequest } from './store.ts';

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
