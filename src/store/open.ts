import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import type { Logger } from '../contracts/logger.ts';
import type { Store } from '../contracts/stores/store.ts';
import { createApiKeys } from './api-keys.ts';
import { createAudit } from './audit.ts';
import { createCompletions } from './completions.ts';
import { connectionPool, type DatabaseAddress, embeddedAddress, remoteAddress } from './connection.ts';
import { openEmbeddedDatabase } from './embedded.ts';
import { keepVacuumed } from './embedded-vacuum.ts';
import { asUnavailable, namingUnavailability } from './failures.ts';
import { PrismaClient } from './generated/client.ts';
import { createInstance } from './instance.ts';
import { applyMigrations } from './migrate.ts';
import { createProjects } from './projects.ts';
import { preparedStatementName } from './statements.ts';
import { createUsage } from './usage.ts';

export interface StoreOptions {
  /** A PostgreSQL database; without it the embedded one in `<dataDirectory>/database`. */
  readonly databaseUrl?: string | undefined;
  readonly dataDirectory: string;
  readonly log: Logger;
  /** How long the database may say nothing to a statement, which then fails as unavailable. */
  readonly silenceMilliseconds?: number;
}

/**
 * Opens the store, its database migrated. Throws StoreUnavailableError where the database does not answer within seconds, and
 * DirectoryInUseError where another process has the data directory.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  return storeOver(await openDatabase(options));
}

/** A migrated database and Prisma on it. */
export interface Database extends AsyncDisposable {
  readonly address: DatabaseAddress;
  readonly pool: pg.Pool;
  readonly prisma: PrismaClient;
  readonly shared: boolean;
}

export async function openDatabase(options: StoreOptions): Promise<Database> {
  const connected = await connect(options);
  const { address, pool } = connected;
  const adapter = new PrismaPg(pool, { schema: address.schema, statementNameGenerator: preparedStatementName });
  const prisma = new PrismaClient({ adapter, transactionOptions: { maxWait: 10_000, timeout: 10_000 } });
  const shared = options.databaseUrl !== undefined;
  const vacuuming = shared ? undefined : keepVacuumed(pool, options.log);
  return {
    address,
    pool,
    prisma,
    shared,
    async [Symbol.asyncDispose]() {
      await vacuuming?.[Symbol.asyncDispose]();
      await prisma.$disconnect();
      await connected[Symbol.asyncDispose]();
    },
  };
}

/** The store over a database, which it disposes with itself. */
export function storeOver(database: Database): Store {
  const { address, pool, prisma, shared } = database;
  const named = <Methods extends object>(methods: Methods) => namingUnavailability(methods, address.label);
  const { ping } = named({ ping: async () => void (await pool.query('SELECT 1')) });
  return {
    projects: named(createProjects(prisma)),
    apiKeys: named(createApiKeys(prisma)),
    completions: named(createCompletions(prisma, { shared })),
    usage: named(createUsage(prisma)),
    audit: named(createAudit(prisma)),
    instance: named(createInstance(prisma, { pool, shared })),
    shared,
    ping,
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** Brings the database to the newest migration; the names of those that were applied now. */
export async function migrate(options: StoreOptions): Promise<readonly string[]> {
  const database = await connect(options);
  await database[Symbol.asyncDispose]();
  return database.applied;
}

interface Connected extends AsyncDisposable {
  readonly address: DatabaseAddress;
  readonly pool: pg.Pool;
  readonly applied: readonly string[];
}

async function connect(options: StoreOptions): Promise<Connected> {
  const { databaseUrl, dataDirectory, log } = options;
  if (databaseUrl !== undefined) return connectTo(remoteAddress(databaseUrl), options);
  const embedded = await openEmbeddedDatabase(dataDirectory, log);
  try {
    const connected = await connectTo(embeddedAddress(embedded.host, embedded.port), options);
    return {
      ...connected,
      async [Symbol.asyncDispose]() {
        await connected[Symbol.asyncDispose]();
        await embedded[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await embedded[Symbol.asyncDispose]();
    throw error;
  }
}

async function connectTo(
  named: DatabaseAddress,
  { log, silenceMilliseconds = named.silenceMilliseconds }: StoreOptions,
): Promise<Connected> {
  const address = { ...named, silenceMilliseconds };
  const pool = connectionPool(address);
  try {
    const applied = await migrateOver(address);
    if (applied.length > 0) log.info({ database: address.label, migrations: applied }, 'migrated the database');
    return { address, pool, applied, [Symbol.asyncDispose]: () => pool.end() };
  } catch (error) {
    await pool.end();
    throw asUnavailable(error, address.label) ?? error;
  }
}

/** On a connection for the purpose: what rewrites a large table may take its time, and so may waiting for another process that does. */
async function migrateOver(address: DatabaseAddress): Promise<readonly string[]> {
  const single = connectionPool({ ...address, silenceMilliseconds: 0 }, { max: 1, statement_timeout: false });
  try {
    return await applyMigrations(single, address.schema);
  } finally {
    await single.end();
  }
}
