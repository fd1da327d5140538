import pg from 'pg';
import type { Logger } from '../contracts/logger.ts';

/** As `autovacuum_naptime`. */
const intervalMilliseconds = 60_000;

/**
 * Stands in for autovacuum, which PGlite has no process for: without it the room of deleted and replaced rows would never be used
 * again, and the planner would never learn what the tables hold. Each statement holds up the others for as long as it takes.
 */
export function keepVacuumed(pool: pg.Pool, log: Logger): AsyncDisposable {
  let working: Promise<void> | undefined;
  const timer = setInterval(() => {
    working ??= vacuumDue(pool)
      .catch((error) => log.warn({ err: error }, 'vacuuming the embedded database failed'))
      .finally(() => {
        working = undefined;
      });
  }, intervalMilliseconds);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await working;
    },
  };
}

/**
 * Once over the tables that changed by as much as autovacuum would wait for
 * (https://www.postgresql.org/docs/18/routine-vacuuming.html#AUTOVACUUM).
 */
export async function vacuumDue(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ name: string }>(`
    SELECT relname AS name
    FROM pg_class t CROSS JOIN LATERAL (
      SELECT greatest(t.reltuples, 0) AS tuples, coalesce((SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = t.reltoastrelid), 0) AS toast_tuples
    ) AS size
    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND (
      pg_stat_get_dead_tuples(oid) > 50 + 0.2 * tuples
      OR pg_stat_get_dead_tuples(reltoastrelid) > 50 + 0.2 * toast_tuples
      OR pg_stat_get_ins_since_vacuum(oid) > 1000 + 0.2 * tuples
      OR pg_stat_get_mod_since_analyze(oid) > 50 + 0.1 * tuples
    )
    ORDER BY relname`);
  for (const { name } of rows) await pool.query(`VACUUM (ANALYZE) ${pg.escapeIdentifier(name)}`);
}
