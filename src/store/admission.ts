import type { LimitName, LimitScope } from '../contracts/errors.ts';
import type { CompletionId } from '../contracts/ids.ts';
import type { Admission, AdmissionOutcome } from '../contracts/stores/admission.ts';
import type { Completion } from '../contracts/stores/completions.ts';
import { requestJson } from './completion-rows.ts';
import { Prisma, type PrismaClient } from './generated/client.ts';
import { timestamp } from './rows.ts';
import { prepared } from './statements.ts';

/** The one row of sluice_admit. */
interface AdmissionRow {
  readonly outcome: AdmissionOutcome['type'];
  readonly completion_id: CompletionId | null;
  readonly max_tokens: number | null;
  readonly scope: LimitScope;
  readonly name: LimitName;
  readonly size: bigint;
  readonly used: bigint;
  readonly requested: bigint;
  readonly resets_at: Date | null;
  readonly retry_after_seconds: number;
  readonly never_fits: boolean;
}

/** One statement; a second one only to read the completion of an idempotency key that was seen before. */
export async function admit(
  prisma: PrismaClient,
  admission: Admission,
  find: (id: CompletionId) => Promise<Completion>,
): Promise<AdmissionOutcome> {
  const row = await callAdmit(prisma, admission);
  switch (row.outcome) {
    case 'admitted':
      return { type: 'admitted', completion: admittedCompletion(admission, row.max_tokens!) };
    case 'existing':
      return { type: 'existing', completion: await find(row.completion_id!) };
    case 'conflict':
    case 'key-inactive':
      return { type: row.outcome };
    case 'limited':
      return {
        type: 'limited',
        refusal: {
          name: row.name,
          scope: row.scope,
          limit: row.size,
          used: row.used,
          requested: row.requested,
          resetsAt: row.resets_at,
          retryAfterSeconds: row.retry_after_seconds,
          neverFits: row.never_fits,
        },
      };
    default:
      return row.outcome satisfies never;
  }
}

async function callAdmit(prisma: PrismaClient, a: Admission): Promise<AdmissionRow> {
  const rows = await prisma.$queryRaw<AdmissionRow[]>`${Prisma.raw(prepared)} SELECT * FROM sluice_admit(
    ${a.id}::uuid, ${a.projectId}::uuid, ${a.apiKeyId}::uuid, ${a.model}, ${a.mode}::completion_mode, ${a.user},
    ${JSON.stringify(a.metadata)}::json, ${a.idempotencyKey}, ${Uint8Array.from(a.inputHash)}::bytea, ${requestJson(a.request)}::json,
    ${a.request.n}::int, ${a.request.sampling.seed}::bigint, ${a.promptTokens}::int, ${a.maxTokens}::int, ${a.maxTokensLowerable}::boolean,
    ${a.price.promptNanosPerToken}::bigint, ${a.price.completionNanosPerToken}::bigint, ${a.keepContent}::boolean,
    ${timestamp(a.at)}::timestamptz, ${timestamp(a.leaseUntil)}::timestamptz)`;
  return rows[0]!;
}

/** What the row that was just inserted holds. */
function admittedCompletion(admission: Admission, maxTokens: number): Completion {
  const { id, projectId, apiKeyId, model, mode, user, metadata, idempotencyKey, promptTokens, request } = admission;
  return {
    id,
    projectId,
    apiKeyId,
    model,
    mode,
    status: 'QUEUED',
    user,
    metadata,
    idempotencyKey,
    inputHash: admission.inputHash,
    maxTokens,
    n: request.n,
    seed: request.sampling.seed,
    promptTokens,
    request,
    choices: [],
    usage: { promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0 },
    cost: null,
    error: null,
    createdAt: admission.at,
    startedAt: null,
    firstTokenAt: null,
    finishedAt: null,
    epoch: 0,
    lastSeq: 0,
    textIndex: null,
  };
}
