import type { LimitName, LimitScope } from '../errors.ts';
import type { ApiKeyId, CompletionId, ProjectId } from '../ids.ts';
import type { ModelPrice } from '../inference.ts';
import type { JsonValue } from '../json.ts';
import type { Completion, CompletionMode, CompletionRequest } from './completions.ts';

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

export interface LimitState {
  readonly name: LimitName;
  readonly scope: LimitScope;
  readonly limit: bigint;
  /** Used and reserved. */
  readonly used: bigint;
  readonly resetsAt: Date | null;
}
