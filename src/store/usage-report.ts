import type { ApiKeyId, ProjectId } from '../contracts/ids.ts';
import type { UsageQuery, UsageRow } from '../contracts/stores.ts';
import { Prisma, type PrismaClient } from './generated/client.ts';
import { timestamp } from './rows.ts';

const quarterMilliseconds = 15 * 60_000;

/**
 * One statement. Whole quarters of an hour come from the roll-ups, what is left of the range at its ends from the records; both say the
 * same, as settlement writes them together. By user there are no roll-ups: all comes from the records.
 */
export async function report(prisma: PrismaClient, query: UsageQuery): Promise<readonly UsageRow[]> {
  const { granularity, groupBy, timeZone } = query;
  const start = granularity
    ? Prisma.sql`date_trunc(${granularity.toLowerCase()}, at, ${timeZone})`
    : Prisma.sql`NULL::timestamptz`;
  const group = (name: UsageQuery['groupBy'][number], column: string) =>
    groupBy.includes(name) ? Prisma.raw(column) : Prisma.sql`NULL`;
  const rows = await prisma.$queryRaw<ReportRow[]>`
    SELECT bucket_start, project_id, api_key_id, model, user_tag,
      sum(requests)::bigint AS requests, sum(errors)::bigint AS errors, sum(prompt_tokens)::bigint AS prompt_tokens,
      sum(cached_prompt_tokens)::bigint AS cached_prompt_tokens, sum(completion_tokens)::bigint AS completion_tokens, sum(cost)::bigint AS cost
    FROM (
      SELECT ${start} AS bucket_start, ${group('PROJECT', 'project_id')}::uuid AS project_id, ${group('API_KEY', 'api_key_id')}::uuid AS api_key_id,
        ${group('MODEL', 'model')}::text AS model, ${group('USER', 'user_tag')}::text AS user_tag,
        requests, errors, prompt_tokens, cached_prompt_tokens, completion_tokens, cost
      FROM (${source(query)}) AS used
    ) AS bucketed
    GROUP BY 1, 2, 3, 4, 5
    ORDER BY 1, 2, 3, 4, 5`;
  return rows.map((row) => ({
    bucketStart: row.bucket_start,
    projectId: row.project_id,
    apiKeyId: row.api_key_id,
    model: row.model,
    user: row.user_tag,
    requests: row.requests,
    errors: row.errors,
    promptTokens: row.prompt_tokens,
    cachedPromptTokens: row.cached_prompt_tokens,
    completionTokens: row.completion_tokens,
    cost: row.cost,
  }));
}

interface ReportRow {
  readonly bucket_start: Date | null;
  readonly project_id: ProjectId | null;
  readonly api_key_id: ApiKeyId | null;
  readonly model: string | null;
  readonly user_tag: string | null;
  readonly requests: bigint;
  readonly errors: bigint;
  readonly prompt_tokens: bigint;
  readonly cached_prompt_tokens: bigint;
  readonly completion_tokens: bigint;
  readonly cost: bigint;
}

function source({ projectId, from, before, groupBy }: UsageQuery): Prisma.Sql {
  const ofProject = projectId === null ? Prisma.empty : Prisma.sql`AND project_id = ${projectId}::uuid`;
  const records = (start: Date, end: Date) => Prisma.sql`
    SELECT created_at AS at, project_id, api_key_id, model, "user" AS user_tag, 1::bigint AS requests, (status = 'FAILED')::int::bigint AS errors,
      prompt_tokens::bigint, cached_prompt_tokens::bigint, completion_tokens::bigint, cost
    FROM usage_records WHERE created_at >= ${timestamp(start)}::timestamptz AND created_at < ${timestamp(end)}::timestamptz ${ofProject}`;

  const firstQuarter = new Date(Math.ceil(from.getTime() / quarterMilliseconds) * quarterMilliseconds);
  const lastQuarter = new Date(Math.floor(before.getTime() / quarterMilliseconds) * quarterMilliseconds);
  if (groupBy.includes('USER') || firstQuarter >= lastQuarter) return records(from, before);

  const rollups = Prisma.sql`
    SELECT bucket_start AS at, project_id, api_key_id, model, NULL AS user_tag, requests, errors,
      prompt_tokens, cached_prompt_tokens, completion_tokens, cost
    FROM usage_rollups WHERE bucket_start >= ${timestamp(firstQuarter)}::timestamptz AND bucket_start < ${timestamp(lastQuarter)}::timestamptz
    ${ofProject}`;
  const parts = [records(from, firstQuarter), rollups, records(lastQuarter, before)];
  return Prisma.join(parts, ' UNION ALL ');
}
