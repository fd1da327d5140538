import type { UsageQuery, UsageRow } from '../contracts/stores/usage.ts';
import { Prisma, type PrismaClient } from './generated/client.ts';
import { fromRollups, groupedBy, type RowKeyColumns, rowKeyOf, rowOrder } from './usage-source.ts';

/**
 * One statement. Whole quarters of an hour come from the roll-ups, what is left of the range at its ends from the records; both say the
 * same, as settlement writes them together. Minutes and user tags have no roll-ups: all comes from the records.
 */
export async function report(prisma: PrismaClient, query: UsageQuery): Promise<readonly UsageRow[]> {
  const used = fromRollups(query, {
    records: Prisma.sql`
      SELECT created_at AS at, project_id, api_key_id, model, "user" AS user_tag, 1::bigint AS requests, (status = 'FAILED')::int::bigint AS errors,
        prompt_tokens::bigint, cached_prompt_tokens::bigint, completion_tokens::bigint, cost
      FROM usage_records`,
    rollups: Prisma.sql`
      SELECT bucket_start AS at, project_id, api_key_id, model, NULL AS user_tag, requests, errors,
        prompt_tokens, cached_prompt_tokens, completion_tokens, cost
      FROM usage_rollups`,
  });
  const rows = await prisma.$queryRaw<ReportRow[]>`
    SELECT bucket_start, project_id, api_key_id, model, user_tag,
      sum(requests)::bigint AS requests, sum(errors)::bigint AS errors, sum(prompt_tokens)::bigint AS prompt_tokens,
      sum(cached_prompt_tokens)::bigint AS cached_prompt_tokens, sum(completion_tokens)::bigint AS completion_tokens, sum(cost)::bigint AS cost
    FROM (
      SELECT ${groupedBy(query)}, requests, errors, prompt_tokens, cached_prompt_tokens, completion_tokens, cost
      FROM (${used}) AS used
    ) AS bucketed
    GROUP BY ${rowOrder}
    ORDER BY ${rowOrder}`;
  return rows.map((row) => ({
    ...rowKeyOf(row),
    requests: row.requests,
    errors: row.errors,
    promptTokens: row.prompt_tokens,
    cachedPromptTokens: row.cached_prompt_tokens,
    completionTokens: row.completion_tokens,
    cost: row.cost,
  }));
}

interface ReportRow extends RowKeyColumns {
  readonly requests: bigint;
  readonly errors: bigint;
  readonly prompt_tokens: bigint;
  readonly cached_prompt_tokens: bigint;
  readonly completion_tokens: bigint;
  readonly cost: bigint;
}
