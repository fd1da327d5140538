import type { UsagePercentilesRow, UsageQuery } from '../contracts/stores/usage.ts';
import { Prisma, type PrismaClient } from './generated/client.ts';
import { percentilesOf } from './histogram.ts';
import { fromRollups, groupedBy, type RowKeyColumns, rowKeyOf, rowOrder } from './usage-source.ts';

/** One statement, from the same ranges as the report; roll-ups and records make the same histograms, and so say the same. */
export async function percentiles(prisma: PrismaClient, query: UsageQuery): Promise<readonly UsagePercentilesRow[]> {
  const histograms = fromRollups(query, {
    records: Prisma.sql`
      SELECT created_at AS at, project_id, api_key_id, model, "user" AS user_tag,
        sluice_histogram(time_to_first_token_seconds) AS times_to_first_token, sluice_histogram(nullif(tokens_per_second, 0)) AS token_rates
      FROM usage_records`,
    rollups: Prisma.sql`
      SELECT bucket_start AS at, project_id, api_key_id, model, NULL AS user_tag, times_to_first_token, token_rates FROM usage_histograms`,
  });
  const rows = await prisma.$queryRaw<PercentilesRow[]>`
    SELECT bucket_start, project_id, api_key_id, model, user_tag,
      numeric_send(sum(times_to_first_token)) AS times_to_first_token, numeric_send(sum(token_rates)) AS token_rates
    FROM (SELECT ${groupedBy(query)}, times_to_first_token, token_rates FROM (${histograms}) AS histograms) AS bucketed
    GROUP BY ${rowOrder}
    ORDER BY ${rowOrder}`;
  return rows
    .map((row) => ({
      ...rowKeyOf(row),
      timeToFirstTokenSeconds: percentilesOf(row.times_to_first_token),
      tokensPerSecond: percentilesOf(row.token_rates),
    }))
    .filter(({ timeToFirstTokenSeconds, tokensPerSecond }) => timeToFirstTokenSeconds ?? tokensPerSecond);
}

interface PercentilesRow extends RowKeyColumns {
  readonly times_to_first_token: Uint8Array;
  readonly token_rates: Uint8Array;
}
