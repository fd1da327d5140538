import { createHash, randomUUID } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { Logger } from '../../src/contracts/logger.ts';
import { migrationsFolder, readMigrations } from '../../src/store/migrate.ts';
import { openStore } from '../../src/store/open.ts';

export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
}

export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const directory = await mkdtemp(path.join(tmpdir(), 'sluice-test-'));
  return { path: directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}

/**
 * A data directory whose embedded database is made and migrated already: opening a store in it takes a second in place of several.
 * It is a copy of one that is made once per set of migrations and kept in node_modules/.cache.
 */
export async function temporaryDataDirectory(): Promise<TemporaryDirectory> {
  const directory = await temporaryDirectory();
  await cp(await migratedTemplate(), directory.path, { recursive: true });
  return directory;
}

export interface TemporaryDatabase extends AsyncDisposable {
  readonly url: string;
}

const serverUrl = process.env.SLUICE_TEST_DATABASE_URL ?? 'postgresql://postgres@127.0.0.1:5432/test';

/** Why tests on PostgreSQL cannot run here; undefined where they can. */
export async function whyNoPostgres(): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: serverUrl, connectionTimeoutMillis: 3_000 });
  try {
    await client.connect();
    await client.end();
    return undefined;
  } catch (error) {
    const reason = `no PostgreSQL for tests (set SLUICE_TEST_DATABASE_URL): ${error instanceof Error ? error.message : error}`;
    console.warn(`SKIPPED: ${reason}`);
    return reason;
  }
}

/** A PostgreSQL database of its own, empty, dropped at the end. */
export async function temporaryDatabase(): Promise<TemporaryDatabase> {
  const name = `sluice_test_${randomUUID().replaceAll('-', '')}`;
  await onServer(`CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, [Symbol.asyncDispose]: () => onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

const silent = () => {};
export const silentLog: Logger = { debug: silent, info: silent, warn: silent, error: silent };

async function migratedTemplate(): Promise<string> {
  const cache = fileURLToPath(new URL('../../node_modules/.cache/sluice-test', import.meta.url));
  const template = path.join(cache, await templateName());
  if (await readFile(path.join(template, 'database', 'PG_VERSION')).catch(() => undefined)) return template;
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(path.join(cache, 'draft-'));
  const store = await openStore({ dataDirectory: draft, log: silentLog });
  await store[Symbol.asyncDispose]();
  // Another test process may have made it meanwhile: theirs is as good.
  await rename(draft, template).catch(() => rm(draft, { recursive: true, force: true }));
  return template;
}

async function templateName(): Promise<string> {
  const migrations = await readMigrations(migrationsFolder);
  const engine = await readFile(new URL('../../node_modules/@electric-sql/pglite/package.json', import.meta.url));
  return createHash('sha256').update(JSON.stringify(migrations)).update(engine).digest('hex').slice(0, 16);
}
