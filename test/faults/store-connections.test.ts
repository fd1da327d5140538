import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { StoreUnavailableError } from '../../src/contracts/stores/store.ts';
import { asUnavailable } from '../../src/store/failures.ts';
import { openStore } from '../../src/store/open.ts';
import { silentLog, temporaryDatabase, temporaryDataDirectory, whyNoPostgres } from '../kit/database.ts';
import { auditOf, openTestStore } from '../kit/store.ts';
import { startTcpProxyOf } from '../kit/tcp-proxy.ts';
import { waitFor } from '../kit/wait-for.ts';

async function failureOf(databaseUrl: string): Promise<Error> {
  const opened = openStore({ databaseUrl, dataDirectory: 'unused', log: silentLog });
  return opened.then(
    () => {
      throw new Error('it opened');
    },
    (error: Error) => error,
  );
}

test('a database that refuses connections is named, without its password', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const failure = await failureOf(`postgresql://user:hunter2@127.0.0.1:${port}/sluice`);
  expect(failure).toBeInstanceOf(StoreUnavailableError);
  expect(failure.message).toContain(`127.0.0.1:${port}/sluice`);
  expect(failure.message).not.toContain('hunter2');
});

test('a database that takes the connection and says nothing is given up on', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    expect(await failureOf(`postgresql://user:hunter2@127.0.0.1:${port}/sluice`)).toBeInstanceOf(StoreUnavailableError);
  } finally {
    server.close();
  }
}, 20_000);

test('what is no PostgreSQL address is refused without repeating it', async () => {
  for (const url of ['mysql://user:hunter2@localhost/x', 'hunter2']) {
    const failure = await failureOf(url);
    expect(failure.message).toMatch(/^DATABASE_URL must look like/);
    expect(failure.message).not.toContain('hunter2');
  }
});

test('an embedded database that does not answer in time is unavailable, and works again when it comes to it', async () => {
  await using directory = await temporaryDataDirectory();
  await using opened = await openTestStore({ dataDirectory: directory.path, silenceMilliseconds: 500 });
  const { store, database } = opened;
  const busy = database.prisma.$queryRaw`SELECT count(*) FROM generate_series(1, 5000000)`.catch((error) => error);
  expect(asUnavailable(await busy, 'it')).toBeInstanceOf(StoreUnavailableError);
  await waitFor('the database to answer', () =>
    store.ping().then(
      () => true,
      () => false,
    ),
  );
});

describe.skipIf(await whyNoPostgres())('on PostgreSQL', () => {
  test('a database that falls silent is unavailable to reads, writes and transactions, and closes; one that comes back works', async () => {
    await using database = await temporaryDatabase();
    await using proxy = await startTcpProxyOf(database.url);
    const options = { databaseUrl: proxy.url, dataDirectory: 'unused', silenceMilliseconds: 500 };
    await using opened = await openTestStore(options);
    const { store } = opened;
    const { id } = await opened.newKey();
    for (let round = 0; round < 2; round++) {
      proxy.fallSilent();
      const failures = await Promise.all(
        [
          store.ping(),
          store.apiKeys.find([id]),
          store.apiKeys.touch([{ id, hash: randomBytes(32), at: new Date() }]),
          store.apiKeys.revoke(id, new Date(), auditOf('api-key.revoke')),
        ].map((each) => each.catch((error) => error)),
      );
      for (const failure of failures) expect(failure).toBeInstanceOf(StoreUnavailableError);
      await proxy.comeBack();
      await store.ping();
      expect(await store.apiKeys.find([id])).toMatchObject([{ revokedAt: null }]);
    }
    proxy.fallSilent();
  });

  test('a database that is not there is unavailable', async () => {
    await using database = await temporaryDatabase();
    const url = new URL(database.url);
    url.pathname = '/sluice_no_such_database';
    expect(await failureOf(url.href)).toBeInstanceOf(StoreUnavailableError);
  });

  test('connections that the server ends are replaced: what was under way fails as unavailable, what follows works', async () => {
    await using database = await temporaryDatabase();
    await using opened = await openTestStore({ databaseUrl: database.url, dataDirectory: 'unused' });
    const { store, database: inner } = opened;
    const waiting = Array.from({ length: 4 }, () =>
      inner.prisma.$queryRaw`SELECT pg_sleep(30)::text`.catch((error) => error),
    );
    await waitFor('every statement to be under way', async () => {
      const [asleep] = await inner.prisma.$queryRaw<{ count: bigint }[]>`
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`;
      return Number(asleep!.count) === waiting.length;
    });
    const [counted] = await inner.prisma.$queryRaw<{ ended: bigint }[]>`
      SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`;
    expect(Number(counted!.ended)).toBeGreaterThanOrEqual(4);
    await Promise.all(waiting);
    for (let i = 0; i < 3; i++)
      await store.ping().catch((error) => expect(error).toBeInstanceOf(StoreUnavailableError));
    expect((await store.projects.ensureDefault()).name).toBe('default');
  });
});
