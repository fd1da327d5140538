import type { Percentiles, UsagePercentilesRow, UsageQuery } from '../contracts/stores/usage.ts';
import { Prisma, type PrismaClient } from './generated/client.ts';
import { fromRollups, groupedBy, type RowKeyColumns, rowKeyOf, rowOrder } from './usage-source.ts';

/** One statement, from the same ranges as the report; roll-ups and records are put into the same bins, and so say the same. */
export async function percentiles(prisma: PrismaClient, query: UsageQuery): Promise<readonly UsagePercentilesRow[]> {
  const binned = fromRollups(query, {
    records: Prisma.sql`
      SELECT u.created_at AS at, u.project_id, u.api_key_id, u.model, u."user" AS user_tag, m.metric, m.bin, 1::bigint AS count
      FROM usage_records u CROSS JOIN LATERAL sluice_bins(u) AS m`,
    rollups: Prisma.sql`
      SELECT bucket_start AS at, project_id, api_key_id, model, NULL AS user_tag, metric, bin, count FROM usage_histograms`,
  });
  const rows = await prisma.$queryRaw<PercentilesRow[]>`
    WITH summed AS (
      SELECT bucket_start, project_id, api_key_id, model, user_tag, metric, bin, sum(count) AS count
      FROM (SELECT ${groupedBy(query)}, metric, bin, count FROM (${binned}) AS binned) AS grouped
      GROUP BY ${rowOrder}, 6, 7
    ), ranked AS (
      SELECT bucket_start, project_id, api_key_id, model, user_tag, metric, bin,
        sum(count) OVER (PARTITION BY bucket_start, project_id, api_key_id, model, user_tag, metric ORDER BY bin) AS so_far,
        sum(count) OVER (PARTITION BY bucket_start, project_id, api_key_id, model, user_tag, metric) AS total
      FROM summed
    )
    SELECT bucket_start, project_id, api_key_id, model, user_tag,
      ${bin('TIME_TO_FIRST_TOKEN', 0.5)} AS first_token_p50, ${bin('TIME_TO_FIRST_TOKEN', 0.95)} AS first_token_p95,
      ${bin('TOKENS_PER_SECOND', 0.5)} AS rate_p50, ${bin('TOKENS_PER_SECOND', 0.95)} AS rate_p95
    FROM ranked
    GROUP BY ${rowOrder}
    ORDER BY ${rowOrder}`;
  return rows.map((row) => ({
    ...rowKeyOf(row),
    timeToFirstTokenSeconds: percentilesOf(row.first_token_p50, row.first_token_p95),
    tokensPerSecond: percentilesOf(row.rate_p50, row.rate_p95),
  }));
}

/** The lowest bin with at least that share of all values in it and below. */
function bin(metric: 'TIME_TO_FIRST_TOKEN' | 'TOKENS_PER_SECOND', share: number): Prisma.Sql {
  return Prisma.raw(`min(bin) FILTER (WHERE metric = '${metric}' AND so_far >= ceil(total * ${share}))::int`);
}

interface PercentilesRow extends RowKeyColumns {
  readonly first_token_p50: number | null;
  readonly first_token_p95: number | null;
  readonly rate_p50: number | null;
  readonly rate_p95: number | null;
}

function percentilesOf(p50: number | null, p95: number | null): Percentiles | null {
  return p50 === null || p95 === null ? null : { p50: middleOf(p50), p95: middleOf(p95) };
}

const lowestBin = -97;
const ratio = 1.1;

/** Of sluice_bin's bins: no value of the bin is further from it than 4.8 %. */
function middleOf(bin: number): number {
  return bin === lowestBin ? 0 : (2 * ratio ** bin) / (1 + ratio);
}
