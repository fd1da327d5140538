import { Failure } from './failure.ts';

/** What the documents of documents.ts answer. */

export interface UserError {
  readonly __typename: string;
  readonly code: string;
  readonly message: string;
}

export interface Completion {
  readonly id: string;
  readonly status: 'QUEUED' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';
  readonly model: string;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly choices: readonly { readonly index: number; readonly text: string; readonly finishReason: string | null }[];
  readonly usage: {
    readonly promptTokens: number;
    readonly cachedPromptTokens: number;
    readonly completionTokens: number;
    readonly totalTokens: number;
    readonly cost: string | null;
  };
  readonly timings: {
    readonly queueSeconds: number | null;
    readonly timeToFirstTokenSeconds: number | null;
    readonly tokensPerSecond: number | null;
    readonly durationSeconds: number | null;
  };
}

export type CompletionEvent = { readonly seq: number } & (
  | { readonly __typename: 'CompletionQueued'; readonly position: number }
  | { readonly __typename: 'CompletionStarted' }
  | { readonly __typename: 'CompletionDelta'; readonly text: string }
  | {
      readonly __typename: 'CompletionFinished' | 'CompletionFailed' | 'CompletionCancelled';
      readonly completion: Completion;
    }
);

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly hint: string;
  readonly scopes: readonly string[];
  readonly models: readonly string[] | null;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
}

export interface Model {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly status: string;
  readonly contextSize: number;
  readonly defaultMaxTokens: number;
  readonly slots: number;
  readonly error: string | null;
}

export interface MovedModel {
  readonly __typename: 'LoadModelPayload' | 'UnloadModelPayload';
  readonly model: Model;
}

export interface UsageRecord {
  readonly id: string;
  readonly model: string;
  readonly finishReason: string | null;
  readonly usage: Completion['usage'];
  readonly timings: Completion['timings'];
}

export interface UsageBucket {
  readonly start: string | null;
  readonly project: { readonly id: string; readonly name: string } | null;
  readonly apiKeyId: string | null;
  readonly apiKey: { readonly name: string } | null;
  readonly model: string | null;
  readonly user: string | null;
  readonly requests: string;
  readonly errors: string;
  readonly promptTokens: string;
  readonly cachedPromptTokens: string;
  readonly completionTokens: string;
  readonly totalTokens: string;
  readonly cost: string;
  readonly timeToFirstTokenSeconds: Percentiles | null;
  readonly tokensPerSecond: Percentiles | null;
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
}

export interface UsageReport {
  readonly currency: string;
  readonly buckets: readonly UsageBucket[];
}

export interface CreatedCompletion {
  readonly __typename: 'CreateCompletionPayload';
  readonly completion: { readonly id: string };
}

export interface CreatedApiKey {
  readonly __typename: 'CreateApiKeyPayload';
  readonly apiKey: ApiKey;
  readonly secret: string;
}

export interface RevokedApiKey {
  readonly __typename: 'RevokeApiKeyPayload';
  readonly apiKey: ApiKey;
}

/** The payload of a mutation; throws its error as a Failure. */
export function payloadOf<Payload extends { readonly __typename: string }>(result: Payload | UserError): Payload {
  if ('code' in result && 'message' in result) throw new Failure(`${result.message} (${result.code})`);
  return result;
}
