import pg from 'pg';

/** How a database is reached; `label` names it in messages and holds no password. */
export interface DatabaseAddress {
  readonly label: string;
  /** The schema that holds our tables. */
  readonly schema: string;
  /** Every connection is the same session of the server, whatever an earlier one left in it. */
  readonly oneSession: boolean;
  readonly pool: pg.PoolConfig;
}

const connectMilliseconds = 5_000;

export function remoteAddress(databaseUrl: string): DatabaseAddress {
  const url = parse(databaseUrl);
  const schema = url.searchParams.get('schema') ?? 'public';
  url.searchParams.delete('schema');
  return {
    label: `${url.hostname || url.searchParams.get('host') || 'localhost'}${url.port && `:${url.port}`}${url.pathname}`,
    schema,
    oneSession: false,
    pool: {
      connectionString: url.href,
      max: 10,
      keepAlive: true,
      application_name: 'sluice',
      // A statement that hangs this long will not come back, and its caller has given up.
      statement_timeout: 30_000,
      // One whose answer is lost with the database's machine must not hold up those that come after it.
      query_timeout: 35_000,
    },
  };
}

export function embeddedAddress(host: string, port: number): DatabaseAddress {
  return {
    label: 'the embedded database',
    schema: 'public',
    oneSession: true,
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
export function connectionPool({ pool, schema, oneSession }: DatabaseAddress, overrides: pg.PoolConfig = {}): pg.Pool {
  const session = `SELECT set_config('TimeZone', 'UTC', false), set_config('default_transaction_isolation', 'read committed', false),
    set_config('search_path', $1, false)`;
  const created = new pg.Pool({
    connectionTimeoutMillis: connectMilliseconds,
    ...pool,
    ...overrides,
    onConnect: async (client) => {
      await client.query(session, [pg.escapeIdentifier(schema)]);
      if (oneSession) await client.query('DEALLOCATE ALL');
    },
  });
  // A connection that dies while idle is replaced at the next statement.
  created.on('error', () => {});
  return created;
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
