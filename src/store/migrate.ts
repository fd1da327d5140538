import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { advisoryLocks } from './advisory-locks.ts';
import { everything, type MigrationList, openSchemaEngine } from './schema-engine.ts';

/** `prisma/migrations` of the package: two folders up from this module, in `src` as in `dist`. */
export const migrationsFolder = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));

/**
 * Brings the database to the newest migration of the folder and tells the names of those it applied. All of them are one
 * transaction under a lock: processes that start together apply each once, and where one fails none is applied.
 *
 * The pool must hold a single connection, and nobody else may use it meanwhile.
 */
export async function applyMigrations(
  pool: pg.Pool,
  schema: string,
  folder = migrationsFolder,
): Promise<readonly string[]> {
  const migrations = await readMigrations(folder);
  if (await upToDate(pool, migrations)) return [];
  await pool.query('BEGIN');
  try {
    await pool.query('SELECT pg_advisory_xact_lock($1)', [advisoryLocks.migrations]);
    if (schema !== 'public') await pool.query(`CREATE SCHEMA IF NOT EXISTS "${schema.replaceAll('"', '""')}"`);
    const applied = (await upToDate(pool, migrations)) ? [] : await runEngine(pool, folder, migrations);
    await pool.query('COMMIT');
    return applied;
  } catch (error) {
    await pool.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

export interface Migration {
  readonly name: string;
  readonly script: string;
}

export async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names
      .sort()
      .map(async (name) => ({ name, script: await readFile(path.join(folder, name, 'migration.sql'), 'utf8') })),
  );
}

export async function migrationList(folder: string, migrations: readonly Migration[]): Promise<MigrationList> {
  return {
    baseDir: folder,
    lockfile: {
      path: 'migration_lock.toml',
      content: await readFile(path.join(folder, 'migration_lock.toml'), 'utf8').catch(() => null),
    },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, script }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: script } },
    })),
  };
}

/** Answers the usual case, nothing to do, without loading the engine. */
async function upToDate(pool: pg.Pool, migrations: readonly Migration[]): Promise<boolean> {
  const table = await pool.query<{ present: boolean }>(
    `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS present`,
  );
  if (!table.rows[0]?.present) return false;
  const applied = await pool.query<{ migration_name: string; checksum: string }>(
    'SELECT migration_name, checksum FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
  );
  const checksums = new Map(applied.rows.map((row) => [row.migration_name, row.checksum]));
  const edited = migrations.find(({ name, script }) => checksums.has(name) && checksums.get(name) !== checksum(script));
  if (edited) throw new Error(`migration ${edited.name} was changed after this database had applied it`);
  const stranger = [...checksums.keys()].find((applied) => !migrations.some(({ name }) => name === applied));
  if (stranger) {
    throw new Error(
      `this database was set up by another version of Sluice (migration ${stranger} is not known here): start that version, or use another database`,
    );
  }
  return migrations.every(({ name }) => checksums.has(name));
}

async function runEngine(pool: pg.Pool, folder: string, migrations: readonly Migration[]): Promise<readonly string[]> {
  // Within the failed transaction the engine's own book-keeping fails too, and would speak in the place of the cause.
  let cause: unknown;
  const onScriptError = (error: unknown) => {
    cause ??= error;
  };
  const engine = await openSchemaEngine({ pool, onScriptError });
  try {
    const output = await engine.applyMigrations({
      migrationsList: await migrationList(folder, migrations),
      filters: everything,
    });
    return output.appliedMigrationNames;
  } catch (error) {
    const reason = cause ?? error;
    throw new Error(
      `a migration failed and none was applied: ${reason instanceof Error ? reason.message : String(reason)}`,
      {
        cause: reason,
      },
    );
  } finally {
    engine.free();
  }
}

function checksum(script: string): string {
  return createHash('sha256').update(script).digest('hex');
}
