import type pg from 'pg';

/** Any numbers, as long as every process takes the same. */
export const advisoryLocks = { migrations: 7_125_482_163, setup: 7_125_482_164 } as const;

/** Runs the work under a lock of the database, which ends with its connection wherever the process dies. */
export async function underLock<T>(pool: pg.Pool, lock: number, work: () => Promise<T>): Promise<T> {
  const connection = await pool.connect();
  // Nobody else listens while it idles under the lock, and it may break.
  connection.on('error', () => {});
  try {
    // Of a transaction, for what stands between and shares a session among several clients.
    await connection.query('BEGIN');
    await connection.query('SELECT pg_advisory_xact_lock($1)', [lock]);
    return await work();
  } finally {
    connection.release(true);
  }
}
