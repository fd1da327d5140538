import type { CompletionError } from '../contracts/errors.ts';
import type { ApiKeyId, CompletionId, ProjectId } from '../contracts/ids.ts';
import type { Sampling } from '../contracts/inference.ts';
import type { JsonValue } from '../contracts/json.ts';
import type { Completion, CompletionChoice, CompletionRequest } from '../contracts/stores/completions.ts';
import type { Completion as CompletionRow } from './generated/client.ts';

export type { CompletionRow };

export function completionOf(row: CompletionRow): Completion {
  return {
    id: row.id as CompletionId,
    projectId: row.projectId as ProjectId,
    apiKeyId: row.apiKeyId as ApiKeyId,
    model: row.model,
    mode: row.mode,
    status: row.status,
    user: row.user,
    metadata: row.metadata as JsonValue,
    idempotencyKey: row.idempotencyKey,
    inputHash: row.inputHash,
    maxTokens: row.maxTokens,
    n: row.n,
    seed: Number(row.seed),
    promptTokens: row.promptTokens,
    request: row.request === null ? null : requestOf(row.request as unknown as StoredRequest),
    choices: row.choices as unknown as readonly CompletionChoice[] | null,
    usage: {
      promptTokens: row.usedPromptTokens,
      cachedPromptTokens: row.cachedPromptTokens,
      completionTokens: row.completionTokens,
    },
    cost: row.cost,
    error: row.error as unknown as CompletionError | null,
    createdAt: row.createdAt,
    startedAt: row.startedAt,
    firstTokenAt: row.firstTokenAt,
    finishedAt: row.finishedAt,
    epoch: row.epoch,
    lastSeq: row.lastSeq,
    textIndex: row.textIndex,
  };
}

/** JSON has no maps: the logit bias is kept as pairs. Rows of earlier versions have no tokens. */
type StoredRequest = Omit<CompletionRequest, 'sampling' | 'tokens'> & {
  readonly tokens?: CompletionRequest['tokens'];
  readonly sampling: Omit<Sampling, 'logitBias'> & { readonly logitBias: readonly (readonly [number, number])[] };
};

export function requestJson({ sampling, ...request }: CompletionRequest): string {
  const stored: StoredRequest = { ...request, sampling: { ...sampling, logitBias: [...sampling.logitBias] } };
  return JSON.stringify(stored);
}

function requestOf({ sampling, tokens = null, ...request }: StoredRequest): CompletionRequest {
  return { ...request, tokens, sampling: { ...sampling, logitBias: new Map(sampling.logitBias) } };
}
