import type { CompletionId, ProjectId } from '../contracts/ids.ts';
import type { Admission } from '../contracts/stores/admission.ts';
import type {
  Checkpoint,
  Completion,
  CompletionFilter,
  CompletionStore,
  LeaseRenewal,
} from '../contracts/stores/completions.ts';
import { createBatcher } from '../lib/batcher.ts';
import { admissionOutcome, admitAll } from './admission.ts';
import { completionOf } from './completion-rows.ts';
import { asUnavailable } from './failures.ts';
import { Prisma, type PrismaClient } from './generated/client.ts';
import { readPage } from './pages.ts';
import { isPossibleId, possibleIds, timestamp } from './rows.ts';
import { settle } from './settlement.ts';
import { prepared } from './statements.ts';

/** Of one statement and commit: enough to share what these cost, few enough that nobody waits long for the others. */
const mostAdmissions = 32;

export interface CompletionStoreOptions {
  /** Whether others may be at the same database at the same time; the embedded one takes a statement after the other. */
  readonly shared: boolean;
}

export function createCompletions(prisma: PrismaClient, { shared }: CompletionStoreOptions): CompletionStore {
  const admit = createBatcher((admissions: readonly Admission[]) => admitAll(prisma, admissions), {
    underWay: shared ? 2 : 1,
    most: mostAdmissions,
    concernsAll: (error) => asUnavailable(error, '') !== undefined,
  });

  async function findOne(id: CompletionId): Promise<Completion> {
    return completionOf(await prisma.completion.findUniqueOrThrow({ where: { id } }));
  }

  return {
    admit: async (admission) => admissionOutcome(admission, await admit(admission), findOne),
    finalise: (settlement) => settle(prisma, settlement),

    async start(id, epoch, at) {
      // The status alone decides: of several that would run a waiting completion, one finds it waiting. The epoch is then that
      // one's, also where an earlier adoption had counted further. Its moment tells it from the others when it asks again.
      const started = { status: 'RUNNING', startedAt: at, epoch } as const;
      const { count } = await prisma.completion.updateMany({
        where: { id, OR: [{ status: 'QUEUED' }, started] },
        data: started,
      });
      return count === 1;
    },

    async checkpoint(running, renewal) {
      if (running.length > 0 || renewal) await checkpoint(prisma, running, renewal);
    },

    async forget(what, before, limit) {
      const [row] = await prisma.$queryRaw<{ readonly count: number }[]>`
        SELECT sluice_forget(${what}, ${timestamp(before)}::timestamptz, ${limit}::int) AS count`;
      return row!.count;
    },

    async find(ids) {
      const rows = await prisma.completion.findMany({ where: { id: { in: possibleIds(ids) } } });
      return rows.map(completionOf);
    },

    async findProject(id) {
      if (!isPossibleId(id)) return undefined;
      const row = await prisma.completion.findUnique({ where: { id }, select: { projectId: true } });
      return row?.projectId as ProjectId | undefined;
    },

    async findByIdempotencyKey(apiKeyId, idempotencyKey) {
      const row = await prisma.completion.findUnique({
        where: { apiKeyId_idempotencyKey: { apiKeyId, idempotencyKey } },
      });
      return row ? completionOf(row) : undefined;
    },

    list(filter, page) {
      return readPage(
        page,
        ({ where, orderBy, take }) =>
          prisma.completion.findMany({ where: { AND: [where, filterOf(filter)] }, orderBy, take }),
        completionOf,
      );
    },

    async abandoned(leaseEndedBefore, limit) {
      const rows = await prisma.completion.findMany({
        where: { leaseUntil: { lt: leaseEndedBefore }, status: { in: ['QUEUED', 'RUNNING'] } },
        orderBy: { id: 'asc' },
        take: limit,
      });
      return rows.map(completionOf);
    },

    async adopt(id, epoch, leaseUntil) {
      if (!isPossibleId(id)) return false;
      const { count } = await prisma.completion.updateMany({
        where: { id, status: { in: ['QUEUED', 'RUNNING'] }, epoch: { lt: epoch } },
        data: { epoch, leaseUntil },
      });
      return count === 1;
    },
  };
}

function filterOf(filter: CompletionFilter): Prisma.CompletionWhereInput {
  const { projectId, apiKeyId, status, model, user, createdFrom, createdBefore } = filter;
  return {
    ...(projectId !== null && { projectId }),
    ...(apiKeyId !== undefined && { apiKeyId }),
    ...(status !== undefined && { status: { in: [...status] } }),
    ...(model !== undefined && { model }),
    ...(user !== undefined && { user }),
    createdAt: { ...(createdFrom && { gte: createdFrom }), ...(createdBefore && { lt: createdBefore }) },
  };
}

/** One statement for all rows. The columns travel as arrays: `json` may hold what no other way through SQL would take (U+0000). */
async function checkpoint(
  prisma: PrismaClient,
  running: readonly Checkpoint[],
  renewal: LeaseRenewal | null,
): Promise<void> {
  const leaseUntil = timestamp(renewal?.until ?? null);
  const column = <Value>(of: (checkpoint: Checkpoint) => Value) => running.map(of);
  await prisma.$executeRaw`${Prisma.raw(prepared)}
    WITH waiting AS (
      UPDATE completions SET lease_until = ${leaseUntil}::timestamptz
      WHERE id = ANY (${[...(renewal?.waiting ?? [])]}::uuid[]) AND status = 'QUEUED'
    )
    UPDATE completions c SET
      choices = r.choices::json,
      used_prompt_tokens = r.prompt_tokens,
      cached_prompt_tokens = r.cached_prompt_tokens,
      completion_tokens = r.completion_tokens,
      first_token_at = coalesce(c.first_token_at, r.first_token_at),
      last_seq = greatest(c.last_seq, r.reserved_seq),
      text_index = decode(r.text_index, 'base64'),
      lease_until = coalesce(${leaseUntil}::timestamptz, c.lease_until)
    FROM unnest(
      ${column(({ id }) => id)}::uuid[], ${column(({ epoch }) => epoch)}::int[],
      ${column(({ choices }) => JSON.stringify(choices))}::text[],
      ${column(({ usage }) => usage.promptTokens)}::int[], ${column(({ usage }) => usage.cachedPromptTokens)}::int[],
      ${column(({ usage }) => usage.completionTokens)}::int[],
      ${column(({ firstTokenAt }) => timestamp(firstTokenAt))}::timestamptz[],
      ${column(({ reservedSeq }) => reservedSeq)}::int[],
      ${column(({ textIndex }) => Buffer.from(textIndex).toString('base64'))}::text[]
    ) AS r (id, epoch, choices, prompt_tokens, cached_prompt_tokens, completion_tokens, first_token_at, reserved_seq, text_index)
    WHERE c.id = r.id AND c.epoch = r.epoch AND c.status = 'RUNNING'`;
}
