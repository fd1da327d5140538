import type { CompletionId, ProjectId } from '../contracts/ids.ts';
import type { Admission } from '../contracts/stores/admission.ts';
import type { Completion, CompletionFilter, CompletionStore, Settlement } from '../contracts/stores/completions.ts';
import { createBatcher } from '../lib/batcher.ts';
import { admissionOutcome, admitAll } from './admission.ts';
import { checkpointAll, completionsOf } from './checkpoints.ts';
import { asUnavailable } from './failures.ts';
import type { Prisma, PrismaClient } from './generated/client.ts';
import { readPage } from './pages.ts';
import { isPossibleId, possibleIds, timestamp } from './rows.ts';
import { settleAll } from './settlement.ts';
import { type Start, startAll } from './starts.ts';

/** Of one statement and commit: enough to share what these cost, few enough that nobody waits long for the others. */
const mostTogether = 32;
/** In UTF-16 units, of all choices of a completion. */
const longText = 65_536;

export interface CompletionStoreOptions {
  /** Whether others may be at the same database at the same time; the embedded one takes a statement after the other. */
  readonly shared: boolean;
}

export function createCompletions(prisma: PrismaClient, { shared }: CompletionStoreOptions): CompletionStore {
  const batches = {
    underWay: shared ? 2 : 1,
    most: mostTogether,
    concernsAll: (error: unknown) => asUnavailable(error, '') !== undefined,
  };
  const admit = createBatcher((admissions: readonly Admission[]) => admitAll(prisma, admissions), batches);
  const settle = createBatcher((settlements: readonly Settlement[]) => settleAll(prisma, settlements), batches);
  const start = createBatcher((starts: readonly Start[]) => startAll(prisma, starts), batches);

  async function findOne(id: CompletionId): Promise<Completion> {
    const [completion] = await completionsOf(prisma, [await prisma.completion.findUniqueOrThrow({ where: { id } })]);
    return completion!;
  }

  return {
    admit: async (admission) => admissionOutcome(admission, await admit(admission), findOne),
    start: (id, epoch, at) => start({ id, epoch, at }),

    async finalise(settlement) {
      // A long text has its statement to itself, so that no other waits for it.
      const isLong = settlement.choices.reduce((length, { text }) => length + text.length, 0) > longText;
      const ended = isLong ? (await settleAll(prisma, [settlement]))[0] : await settle(settlement);
      if (!ended) throw new Error(`there is no completion ${settlement.id} to end`);
      return ended;
    },

    async checkpoint(running, renewal) {
      if (running.length > 0 || renewal) await checkpointAll(prisma, running, renewal);
    },

    async forget(what, before, limit) {
      const [row] = await prisma.$queryRaw<{ readonly count: number }[]>`
        SELECT sluice_forget(${what}, ${timestamp(before)}::timestamptz, ${limit}::int) AS count`;
      return row!.count;
    },

    async find(ids) {
      const rows = await prisma.completion.findMany({ where: { id: { in: possibleIds(ids) } } });
      return completionsOf(prisma, rows);
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
      return row ? (await completionsOf(prisma, [row]))[0] : undefined;
    },

    async list(filter, page) {
      const { rows, hasMore } = await readPage(
        page,
        ({ where, orderBy, take }) =>
          prisma.completion.findMany({ where: { AND: [where, filterOf(filter)] }, orderBy, take }),
        (row) => row,
      );
      return { rows: await completionsOf(prisma, rows), hasMore };
    },

    async abandoned(leaseEndedBefore, limit, after) {
      const rows = await prisma.completion.findMany({
        where: {
          leaseUntil: { lt: leaseEndedBefore },
          status: { in: ['QUEUED', 'RUNNING'] },
          ...(after !== undefined && { id: { gt: after } }),
        },
        orderBy: { id: 'asc' },
        take: limit,
      });
      return completionsOf(prisma, rows);
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
