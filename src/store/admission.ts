import type { LimitName, LimitScope } from '../contracts/errors.ts';
import type { CompletionId } from '../contracts/ids.ts';
import type { Admission, AdmissionOutcome } from '../contracts/stores/admission.ts';
import type { Completion } from '../contracts/stores/completions.ts';
import { requestJson } from './completion-rows.ts';
import { Prisma, type PrismaClient } from './generated/client.ts';
import { timestamp } from './rows.ts';
import { prepared } from './statements.ts';

/** The one row of sluice_admit. */
export interface AdmissionRow {
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

/** A second statement only reads the completion of an idempotency key that was seen before. */
export async function admissionOutcome(
  admission: Admission,
  row: AdmissionRow,
  find: (id: CompletionId) => Promise<Completion>,
): Promise<AdmissionOutcome> {
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

/**
 * One statement, and so one commit, for all of them, one after the other: each sees what those before it took. All who admit go through
 * projects and keys in the same order, so that none waits for another in a circle.
 */
export async function admitAll(prisma: PrismaClient, admissions: readonly Admission[]): Promise<AdmissionRow[]> {
  const order = inLockOrder(admissions);
  const column = <Value>(of: (admission: Admission) => Value) => order.map((index) => of(admissions[index]!));
  const rows = await prisma.$queryRaw<AdmissionRow[]>`${Prisma.raw(prepared)} SELECT outcome.* FROM unnest(
      ${column(({ id }) => id)}::uuid[], ${column(({ projectId }) => projectId)}::uuid[], ${column(({ apiKeyId }) => apiKeyId)}::uuid[],
      ${column(({ model }) => model)}::text[], ${column(({ mode }) => mode)}::text[], ${column(({ user }) => user)}::text[],
      ${column(({ metadata }) => JSON.stringify(metadata))}::text[], ${column(({ idempotencyKey }) => idempotencyKey)}::text[],
      ${column(({ inputHash }) => Buffer.from(inputHash).toString('hex'))}::text[], ${column(({ request }) => requestJson(request))}::text[],
      ${column(({ request }) => request.n)}::int[], ${column(({ request }) => request.sampling.seed)}::bigint[],
      ${column(({ promptTokens }) => promptTokens)}::int[], ${column(({ maxTokens }) => maxTokens)}::int[],
      ${column(({ maxTokensLowerable }) => maxTokensLowerable)}::boolean[],
      ${column(({ price }) => price.promptNanosPerToken)}::bigint[], ${column(({ price }) => price.completionNanosPerToken)}::bigint[],
      ${column(({ keepContent }) => keepContent)}::boolean[], ${column(({ at }) => timestamp(at))}::timestamptz[],
      ${column(({ leaseUntil }) => timestamp(leaseUntil))}::timestamptz[]
    ) WITH ORDINALITY AS a (
      id, project_id, api_key_id, model, mode, "user", metadata, idempotency_key, input_hash, request, n, seed, prompt_tokens, max_tokens,
      lowerable, prompt_nanos, completion_nanos, keep_content, at, lease_until, place
    ) CROSS JOIN LATERAL sluice_admit(
      a.id, a.project_id, a.api_key_id, a.model, a.mode::completion_mode, a."user", a.metadata::json, a.idempotency_key,
      decode(a.input_hash, 'hex'), a.request::json, a.n, a.seed, a.prompt_tokens, a.max_tokens, a.lowerable, a.prompt_nanos,
      a.completion_nanos, a.keep_content, a.at, a.lease_until
    ) AS outcome ORDER BY a.place`;
  const answered: AdmissionRow[] = [];
  for (const [place, index] of order.entries()) answered[index] = rows[place]!;
  return answered;
}

/** Indexes of the admissions by project, then key; of one key in the order in which they came. */
function inLockOrder(admissions: readonly Admission[]): readonly number[] {
  const lockOf = (index: number) => `${admissions[index]!.projectId} ${admissions[index]!.apiKeyId}`;
  return admissions
    .map((_, index) => index)
    .sort((a, b) => (lockOf(a) < lockOf(b) ? -1 : lockOf(a) > lockOf(b) ? 1 : a - b));
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
