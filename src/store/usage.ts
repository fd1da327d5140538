import type { LimitName, LimitScope } from '../contracts/errors.ts';
import type { ApiKeyId, CompletionId, ProjectId, UsageRecordId } from '../contracts/ids.ts';
import type { FinishReason } from '../contracts/inference.ts';
import type { UsageRecord, UsageRecordFilter, UsageStore } from '../contracts/stores/usage.ts';
import type { Prisma, PrismaClient, UsageRecord as Row } from './generated/client.ts';
import { readRows } from './pages.ts';
import { isPossibleId, possibleIds, timestamp } from './rows.ts';
import { percentiles } from './usage-percentiles.ts';
import { report } from './usage-report.ts';

export function createUsage(prisma: PrismaClient): UsageStore {
  async function placeOf(id: UsageRecordId): Promise<Place | null> {
    return isPossibleId(id)
      ? prisma.usageRecord.findUnique({ where: { id }, select: { id: true, createdAt: true } })
      : null;
  }

  return {
    // By the moment of admission, which is what the filter's range is about: a page that starts long ago is found as fast as the newest.
    async records(filter, page) {
      const cursor = page.cursor === undefined ? undefined : await placeOf(page.cursor);
      if (cursor === null) return { rows: [], hasMore: false };
      const newestFirst = page.direction === 'forward';
      const order = newestFirst ? 'desc' : 'asc';
      return readRows(
        page,
        (take) =>
          prisma.usageRecord.findMany({
            where: { AND: [filterOf(filter), ...(cursor ? [beyond(cursor, newestFirst)] : [])] },
            orderBy: [{ createdAt: order }, { id: order }],
            take,
          }),
        usageRecordOf,
      );
    },

    async findByCompletion(ids) {
      const rows = await prisma.usageRecord.findMany({ where: { completionId: { in: possibleIds(ids) } } });
      return rows.map(usageRecordOf);
    },

    async findRecords(ids) {
      const rows = await prisma.usageRecord.findMany({ where: { id: { in: possibleIds(ids) } } });
      return rows.map(usageRecordOf);
    },

    report: (query) => report(prisma, query),
    percentiles: (query) => percentiles(prisma, query),

    async limits(apiKeyId, at) {
      if (!isPossibleId(apiKeyId)) return [];
      const rows = await prisma.$queryRaw<LimitRow[]>`
        SELECT scope, name, size, used, resets_at FROM sluice_limits(${apiKeyId}::uuid, ${timestamp(at)}::timestamptz)`;
      return rows.map(({ scope, name, size, used, resets_at }) => ({
        scope,
        name,
        limit: size,
        used,
        resetsAt: resets_at,
      }));
    },
  };
}

type Place = Pick<Row, 'id' | 'createdAt'>;

/** Says the first half twice, as that is what an index can be entered with. */
function beyond({ id, createdAt }: Place, newestFirst: boolean): Prisma.UsageRecordWhereInput {
  return newestFirst
    ? { createdAt: { lte: createdAt }, OR: [{ createdAt: { lt: createdAt } }, { id: { lt: id } }] }
    : { createdAt: { gte: createdAt }, OR: [{ createdAt: { gt: createdAt } }, { id: { gt: id } }] };
}

interface LimitRow {
  readonly scope: LimitScope;
  readonly name: LimitName;
  readonly size: bigint;
  readonly used: bigint;
  readonly resets_at: Date | null;
}

function filterOf({ projectId, apiKeyId, model, user, from, before }: UsageRecordFilter): Prisma.UsageRecordWhereInput {
  return {
    ...(projectId !== null && { projectId }),
    ...(apiKeyId !== undefined && { apiKeyId }),
    ...(model !== undefined && { model }),
    ...(user !== undefined && { user }),
    createdAt: { ...(from && { gte: from }), ...(before && { lt: before }) },
  };
}

function usageRecordOf(row: Row): UsageRecord {
  return {
    id: row.id as UsageRecordId,
    completionId: row.completionId as CompletionId,
    projectId: row.projectId as ProjectId,
    apiKeyId: row.apiKeyId as ApiKeyId,
    model: row.model,
    user: row.user,
    status: row.status,
    finishReason: row.finishReason as FinishReason | null,
    errorCode: row.errorCode,
    usage: {
      promptTokens: row.promptTokens,
      cachedPromptTokens: row.cachedPromptTokens,
      completionTokens: row.completionTokens,
    },
    cost: row.cost,
    price: {
      promptNanosPerToken: row.promptNanosPerToken,
      completionNanosPerToken: row.completionNanosPerToken,
    },
    queueSeconds: row.queueSeconds,
    timeToFirstTokenSeconds: row.timeToFirstTokenSeconds,
    durationSeconds: row.durationSeconds,
    tokensPerSecond: row.tokensPerSecond,
    createdAt: row.createdAt,
  };
}
