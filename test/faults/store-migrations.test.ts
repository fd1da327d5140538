import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { connectionPool, remoteAddress } from '../../src/store/connection.ts';
import { applyMigrations, migrationsFolder, readMigrations } from '../../src/store/migrate.ts';
import { migrate, type StoreOptions } from '../../src/store/open.ts';
import {
  silentLog,
  type TemporaryDirectory,
  temporaryDatabase,
  temporaryDataDirectory,
  temporaryDirectory,
  whyNoPostgres,
} from '../kit/database.ts';
import { openTestStore } from '../kit/store.ts';

interface OpenedDatabase extends AsyncDisposable {
  readonly options: Omit<StoreOptions, 'log'>;
}

const databases = [
  {
    name: 'PGlite',
    why: undefined,
    async open(): Promise<OpenedDatabase> {
      const directory = await temporaryDataDirectory();
      return {
        options: { dataDirectory: directory.path },
        [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
      };
    },
  },
  {
    name: 'PostgreSQL',
    why: await whyNoPostgres(),
    async open(): Promise<OpenedDatabase> {
      const database = await temporaryDatabase();
      const options = { databaseUrl: database.url, dataDirectory: 'unused' };
      return { options, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
    },
  },
];

describe.each(databases)('migrations on $name', ({ why, open }) => {
  test.skipIf(why)(
    'one that fails leaves the database as it was, with those before it, and can be mended',
    async () => {
      await using opened = await open();
      await migrate({ ...opened.options, log: silentLog });
      await using folder = await migrationsAnd({
        '29990101000000_good':
          'CREATE TABLE added (id int); CREATE FUNCTION added_one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;',
        '29990101000001_broken': 'CREATE TABLE more (id int); SELECT no_such_function();',
      });
      await using store = await openTestStore(opened.options);
      const { pool } = store.database;
      const single = opened.options.databaseUrl ? connectionPool(store.database.address, { max: 1 }) : pool;
      try {
        await expect(applyMigrations(single, 'public', folder.path)).rejects.toThrow(
          /a migration failed and none was applied: .*no_such_function/,
        );
        expect(await tables()).toEqual([]);
        const recorded = await pool.query(
          `SELECT migration_name FROM _prisma_migrations WHERE migration_name LIKE '2999%'`,
        );
        expect(recorded.rows).toEqual([]);
        await store.store.ping();

        await writeFile(
          path.join(folder.path, '29990101000001_broken', 'migration.sql'),
          'CREATE TABLE more (id int);',
        );
        expect(await applyMigrations(single, 'public', folder.path)).toEqual([
          '29990101000000_good',
          '29990101000001_broken',
        ]);
        expect(await tables()).toEqual(['added', 'more']);
        expect(await applyMigrations(single, 'public', folder.path)).toEqual([]);
        await expect(applyMigrations(single, 'public')).rejects.toThrow(
          /set up by another version of Sluice \(migration 2999010100000[01]_/,
        );
      } finally {
        if (single !== pool) await single.end();
      }

      async function tables(): Promise<string[]> {
        const { rows } = await pool.query<{ name: string }>(
          `SELECT tablename AS name FROM pg_tables WHERE tablename IN ('added', 'more') ORDER BY 1`,
        );
        return rows.map(({ name }) => name);
      }
    },
  );
});

describe.skipIf(await whyNoPostgres())('migrations of processes that start together', () => {
  test('are applied once', async () => {
    await using database = await temporaryDatabase();
    const starters = Array.from({ length: 4 }, () =>
      migrate({ databaseUrl: database.url, dataDirectory: 'unused', log: silentLog }),
    );
    const applied = (await Promise.all(starters)).flat();
    const names = (await readMigrations(migrationsFolder)).map(({ name }) => name);
    expect(applied).toEqual(names);
  });

  test('go into the schema that the address names', async () => {
    await using database = await temporaryDatabase();
    const databaseUrl = `${database.url}?schema=of_ours`;
    await using opened = await openTestStore({ databaseUrl, dataDirectory: 'unused' });
    const key = await opened.newKey();
    expect(await opened.store.apiKeys.find([key.id])).toHaveLength(1);
    const pool = connectionPool(remoteAddress(database.url), { max: 1 });
    const { rows } = await pool.query(
      `SELECT DISTINCT schemaname FROM pg_tables WHERE tablename IN ('projects', 'quotas', '_prisma_migrations')`,
    );
    await pool.end();
    expect(rows).toEqual([{ schemaname: 'of_ours' }]);
  });
});

async function migrationsAnd(added: Record<string, string>): Promise<TemporaryDirectory> {
  const folder = await temporaryDirectory();
  await cp(migrationsFolder, folder.path, { recursive: true });
  for (const [name, script] of Object.entries(added)) {
    await mkdir(path.join(folder.path, name));
    await writeFile(path.join(folder.path, name, 'migration.sql'), script);
  }
  return folder;
}
