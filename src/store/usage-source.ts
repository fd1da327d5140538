import type { ApiKeyId, ProjectId } from '../contracts/ids.ts';
import type { UsageQuery, UsageRowKey } from '../contracts/stores/usage.ts';
import { Prisma } from './generated/client.ts';
import { timestamp } from './rows.ts';

const quarterMilliseconds = 15 * 60_000;

/** What reports read: records, and the same summed up by quarters of an hour. Each is a SELECT without a WHERE. */
export interface UsageSource {
  readonly records: Prisma.Sql;
  readonly rollups: Prisma.Sql;
}

/** Everything in the query's range, from the roll-ups as far as they can tell it. */
export function fromRollups(query: UsageQuery, source: UsageSource): Prisma.Sql {
  const { projectId, from, before, granularity, groupBy } = query;
  const ofProject = projectId === null ? Prisma.empty : Prisma.sql`AND project_id = ${projectId}::uuid`;
  const within = (select: Prisma.Sql, column: string, start: Date, end: Date) => Prisma.sql`${select}
    WHERE ${Prisma.raw(column)} >= ${timestamp(start)}::timestamptz AND ${Prisma.raw(column)} < ${timestamp(end)}::timestamptz ${ofProject}`;
  const records = (start: Date, end: Date) => within(source.records, 'created_at', start, end);

  const firstQuarter = new Date(Math.ceil(from.getTime() / quarterMilliseconds) * quarterMilliseconds);
  const lastQuarter = new Date(Math.floor(before.getTime() / quarterMilliseconds) * quarterMilliseconds);
  const hasNoRollups = groupBy.includes('USER') || granularity === 'MINUTE';
  if (hasNoRollups || firstQuarter >= lastQuarter) return records(from, before);
  const parts = [within(source.rollups, 'bucket_start', firstQuarter, lastQuarter)];
  if (from < firstQuarter) parts.push(records(from, firstQuarter));
  if (lastQuarter < before) parts.push(records(lastQuarter, before));
  return Prisma.join(parts, ' UNION ALL ');
}

/** The columns that rows are told apart by, of a source with `at` and `user_tag`. */
export function groupedBy({ granularity, groupBy, timeZone }: UsageQuery): Prisma.Sql {
  const start = granularity
    ? Prisma.sql`date_trunc(${granularity.toLowerCase()}, at, ${timeZone})`
    : Prisma.sql`NULL::timestamptz`;
  const group = (name: UsageQuery['groupBy'][number], column: string) =>
    groupBy.includes(name) ? Prisma.raw(column) : Prisma.sql`NULL`;
  return Prisma.sql`${start} AS bucket_start, ${group('PROJECT', 'project_id')}::uuid AS project_id,
    ${group('API_KEY', 'api_key_id')}::uuid AS api_key_id, ${group('MODEL', 'model')}::text AS model, ${group('USER', 'user_tag')}::text AS user_tag`;
}

/** The five columns of `groupedBy`, first in every statement here. */
export const rowOrder = Prisma.raw('1, 2, 3, 4, 5');

export interface RowKeyColumns {
  readonly bucket_start: Date | null;
  readonly project_id: ProjectId | null;
  readonly api_key_id: ApiKeyId | null;
  readonly model: string | null;
  readonly user_tag: string | null;
}

export function rowKeyOf({ bucket_start, project_id, api_key_id, model, user_tag }: RowKeyColumns): UsageRowKey {
  return { bucketStart: bucket_start, projectId: project_id, apiKeyId: api_key_id, model, user: user_tag };
}
