import type { Socket } from 'node:net';
import { constants } from 'node:os';
import pg from 'pg';

/** How a database is reached; `label` names it in messages and holds no password. */
export interface DatabaseAddress {
  readonly label: string;
  /** The schema that holds our tables. */
  readonly schema: string;
  /** Every connection is the same session of the server, whatever an earlier one left in it. */
  readonly oneSession: boolean;
  /** How long the database may say nothing to a statement before its connection is taken for dead; 0 is for ever. */
  readonly silenceMilliseconds: number;
  readonly pool: pg.PoolConfig;
}

const connectMilliseconds = 5_000;
/** A statement that hangs this long will not come back, and its caller has given up. */
const statementMilliseconds = 30_000;
/** Longer, so that a database which still answers ends the statement itself. */
const silenceMilliseconds = statementMilliseconds + 5_000;

export function remoteAddress(databaseUrl: string): DatabaseAddress {
  const url = parse(databaseUrl);
  const schema = url.searchParams.get('schema') ?? 'public';
  url.searchParams.delete('schema');
  return {
    label: `${url.hostname || url.searchParams.get('host') || 'localhost'}${url.port && `:${url.port}`}${url.pathname}`,
    schema,
    oneSession: false,
    silenceMilliseconds,
    pool: {
      connectionString: url.href,
      max: 10,
      keepAlive: true,
      application_name: 'sluice',
      statement_timeout: statementMilliseconds,
    },
  };
}

export function embeddedAddress(host: string, port: number): DatabaseAddress {
  return {
    label: 'the embedded database',
    schema: 'public',
    oneSession: true,
    silenceMilliseconds,
    pool: {
      host,
      port,
      user: 'postgres',
      database: 'postgres',
      ssl: false,
      max: 1,
      idleTimeoutMillis: 0,
      connectionTimeoutMillis: 30_000,
    },
  };
}

/** A pool whose connections all agree on what must not depend on the server's settings. */
export function connectionPool(
  { pool, schema, oneSession, silenceMilliseconds }: DatabaseAddress,
  overrides: pg.PoolConfig = {},
): pg.Pool {
  const session = `SELECT set_config('TimeZone', 'UTC', false), set_config('default_transaction_isolation', 'read committed', false),
    set_config('search_path', $1, false)`;
  const created = new pg.Pool({
    connectionTimeoutMillis: connectMilliseconds,
    ...pool,
    ...overrides,
    onConnect: async (client) => {
      endWhenSilent((client as pg.Client).connection.stream as Socket, silenceMilliseconds);
      await client.query(session, [pg.escapeIdentifier(schema)]);
      if (oneSession) await client.query('DEALLOCATE ALL');
    },
  });
  // A connection that dies while idle is replaced at the next statement.
  created.on('error', () => {});
  return created;
}

/**
 * Where packets are lost without a word, no error ever comes: neither to a statement that waits for its answer, nor to a connection
 * that says goodbye. An idle connection ends in the same way, and the pool then makes another.
 */
function endWhenSilent(socket: Socket, milliseconds: number): void {
  socket.setTimeout(milliseconds, () => {
    const errno = -constants.errno.ETIMEDOUT;
    const facts = { code: 'ETIMEDOUT', errno, syscall: 'read' };
    socket.destroy(Object.assign(new Error(`no answer within ${milliseconds} ms`), facts));
  });
}

function parse(databaseUrl: string): URL {
  try {
    const url = new URL(databaseUrl);
    if (url.protocol === 'postgres:' || url.protocol === 'postgresql:') return url;
  } catch {
    // Said below, without the text, which may hold a password.
  }
  throw new Error('DATABASE_URL must look like postgresql://user:password@host:5432/database');
}
