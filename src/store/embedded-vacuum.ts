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
  const { rows } = await pool.query<Due>(`
    SELECT name, vacuum, "analyze"
    FROM pg_class t LEFT JOIN pg_class toast ON toast.oid = t.reltoastrelid CROSS JOIN LATERAL (
      SELECT
        t.relname AS name,
        pg_stat_get_dead_tuples(t.oid) > 50 + 0.2 * greatest(t.reltuples, 0)
          OR coalesce(pg_stat_get_dead_tuples(toast.oid) > 50 + 0.2 * greatest(toast.reltuples, 0), false)
          OR pg_stat_get_ins_since_vacuum(t.oid) > 1000 + 0.2 * greatest(t.reltuples, 0) AS vacuum,
        pg_stat_get_mod_since_analyze(t.oid) > 50 + 0.1 * greatest(t.reltuples, 0) AS "analyze"
    ) AS due
    WHERE t.relkind = 'r' AND t.relnamespace = current_schema()::regnamespace AND (vacuum OR "analyze")
    ORDER BY name`);
  for (const { name, vacuum, analyze } of rows) {
    const command = vacuum ? `VACUUM ${analyze ? '(ANALYZE) ' : ''}` : 'ANALYZE ';
    await pool.query(command + pg.escapeIdentifier(name));
  }
}

interface Due {
  readonly name: string;
  readonly vacuum: boolean;
  readonly analyze: boolean;
}
