import { randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { generateSecret } from '../../../src/lib/api-key-secret.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { createClient } from '../../kit/client.ts';
import { temporaryDatabase, temporaryDataDirectory, whyNoPostgres } from '../../kit/database.ts';
import { describeOnEveryDatabase } from '../../kit/every-store.ts';
import { createKey, listKeys, rotateKey, updateKey, viewerKey } from '../../kit/keys.ts';
import { auditEvents } from '../../kit/projects.ts';
import { openSocket } from '../../kit/socket.ts';
import { waitFor } from '../../kit/wait-for.ts';
import { runSluice } from '../cli/sluice-process.ts';

const before = 'the secret that was before';
const now = 'the secret that is there now';
/** Servers and processes start one after the other here. */
const timeout = 240_000;
const adminKey = generateSecret();

function startNode(
  dataDirectory: string,
  databaseUrl: string | undefined,
  secret = '',
  previous = '',
): Promise<TestApp> {
  const secrets = { SLUICE_SECRET: secret, SLUICE_PREVIOUS_SECRET: previous, SLUICE_ADMIN_KEY: adminKey };
  const environment = { ...secrets, ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }) };
  return startApp({ inference: createScriptedInference(), dataDirectory, environment });
}

async function newKey({ admin }: TestApp): Promise<{ readonly id: string; readonly secret: string }> {
  const { apiKey, secret } = await createKey(admin, { name: 'test', scopes: ['COMPLETIONS'] });
  return { id: apiKey!.id, secret: secret! };
}

/** What a key's secret opens on a server: its id, or an error's code. */
async function openedBy({ url }: TestApp, secret: string): Promise<unknown> {
  const { data, errors } = await createClient(url, secret).request<{ viewer: { apiKey: { id: string } } }>(
    '{ viewer { apiKey { id } } }',
  );
  return errors?.[0]?.extensions?.code ?? data?.viewer.apiKey.id;
}

/** What the audit trail tells of rotations, newest first. */
async function rotations({ url }: TestApp): Promise<readonly object[]> {
  const events = await auditEvents(createClient(url, adminKey), { action: 'SECRET_ROTATE' });
  return events.map(({ id: _id, at: _at, ...event }) => event);
}

const rotation = {
  action: 'SECRET_ROTATE',
  targetId: 'secret',
  actor: null,
  project: null,
  before: { fingerprint: expect.stringMatching(/^[\da-f]{16}$/u) },
  after: { fingerprint: expect.stringMatching(/^[\da-f]{16}$/u) },
};

describeOnEveryDatabase("the server's secret", (open) => {
  it('is replaced without a key made anew: each moves to the new one when it is used', { timeout }, async () => {
    await using database = await open();
    await using directory = await temporaryDataDirectory();
    const start = (secret: string, previous?: string) => startNode(directory.path, database.url, secret, previous);

    const first = await start(before);
    const [used, unused, rotated] = [await newKey(first), await newKey(first), await newKey(first)];
    const { secret: successor } = await rotateKey(first.admin, { id: rotated.id });
    const count = (await listKeys(first.admin, { first: 100 })).edges.length;
    expect(await rotations(first)).toEqual([]);
    await first[Symbol.asyncDispose]();
    await expect(start(now)).rejects.toThrow(/SLUICE_SECRET differs.*SLUICE_PREVIOUS_SECRET/u);

    const during = await start(now, before);
    expect(await rotations(during)).toEqual([rotation]);
    const many = await Promise.all(Array.from({ length: 8 }, () => openedBy(during, used.secret)));
    expect(new Set(many)).toEqual(new Set([used.id]));
    // The secret in its grace and the one after it are the same key, each moved by itself.
    expect(await openedBy(during, rotated.secret)).toBe(rotated.id);
    expect(await openedBy(during, successor!)).toBe(rotated.id);
    expect(await openedBy(during, generateSecret())).toBe('UNAUTHENTICATED');
    // Neither the admin key nor the operator's was taken for a new one.
    expect((await listKeys(during.admin, { first: 100 })).edges).toHaveLength(count);
    await using socket = await openSocket(during.url, used.secret);
    await updateKey(during.admin, { id: used.id, name: 'renamed' });
    const made = await newKey(during);
    socket.send({ id: '1', type: 'subscribe', payload: { query: '{ viewer { apiKey { name } } }' } });
    const answer = await waitFor('an answer', () => socket.received.find(({ type }) => type === 'next'));
    expect(answer.payload.data.viewer.apiKey.name).toBe('renamed');
    await during[Symbol.asyncDispose]();

    await expect(start(before)).rejects.toThrow(/SLUICE_SECRET differs/u);
    await using after = await start(now);
    expect((await viewerKey(after.admin)).name).toBe('admin');
    expect(await rotations(after)).toEqual([rotation]);
    const reader = createClient(after.url, used.secret);
    const asked = await reader.request('{ auditEvents(first: 1) { edges { cursor } } }');
    expect(asked.errors?.[0]?.extensions?.code).toBe('FORBIDDEN');
    for (const { id, secret } of [used, rotated, { ...rotated, secret: successor! }, made]) {
      expect(await openedBy(after, secret)).toBe(id);
    }
    expect(await openedBy(after, unused.secret)).toBe('UNAUTHENTICATED');
  });

  it('that is kept in the data directory is replaced by a command, and again once that is over', {
    timeout,
  }, async () => {
    await using database = await open();
    await using directory = await temporaryDataDirectory();
    const start = () => startNode(directory.path, database.url);
    const rotate = () => runSluice(['secret', 'rotate'], { SLUICE_DATA_DIR: directory.path });
    expect(await rotate()).toMatchObject({ status: 1, stderr: expect.stringContaining('There is no secret') });

    const first = await start();
    const { id, secret } = await newKey(first);
    const rotated = await rotate();
    expect(rotated).toMatchObject({ status: 0, stderr: '' });
    const previous = join(directory.path, 'secret.previous');
    expect(rotated.stdout).toContain(previous);
    expect(await openedBy(first, secret)).toBe(id);
    expect(await rotate()).toMatchObject({ status: 1, stderr: expect.stringContaining('not over') });
    expect(await rotations(first)).toEqual([]);
    await first[Symbol.asyncDispose]();

    const during = await start();
    expect(await rotations(during)).toEqual([rotation]);
    expect(await openedBy(during, secret)).toBe(id);
    await during[Symbol.asyncDispose]();
    for (const file of ['secret', 'secret.previous']) {
      expect((await stat(join(directory.path, file))).mode & 0o777).toBe(0o600);
    }
    await rm(previous);
    await using after = await start();
    expect(await openedBy(after, secret)).toBe(id);
    expect(await openedBy(after, adminKey)).toBeDefined();
    expect((await rotate()).status).toBe(0);
    expect(await rotations(after)).toEqual([rotation]);
    await after[Symbol.asyncDispose]();
    await using again = await start();
    const [second, ...rest] = await rotations(again);
    expect([second, ...rest]).toEqual([rotation, rotation]);
    expect(second).toMatchObject({ before: (rest[0] as typeof rotation).after });
  });
});

describe.skipIf(await whyNoPostgres())("the server's secret on several nodes", () => {
  it('is replaced one by one, where each first knows the other, and opens at every moment on both', {
    timeout,
  }, async () => {
    await using database = await temporaryDatabase();
    await using oneDirectory = await temporaryDataDirectory();
    await using twoDirectory = await temporaryDataDirectory();
    const start = ({ path }: { path: string }, ...secrets: string[]) => startNode(path, database.url, ...secrets);

    let one = await start(oneDirectory, before);
    let two = await start(twoDirectory, before);
    const { id, secret } = await newKey(one);
    const steps: [string, ...string[]][] = [[before, now], [now, before], [now]];
    for (const secrets of steps) {
      await one[Symbol.asyncDispose]();
      one = await start(oneDirectory, ...secrets);
      for (const node of [one, two, one]) expect(await openedBy(node, secret)).toBe(id);
      await two[Symbol.asyncDispose]();
      two = await start(twoDirectory, ...secrets);
      for (const node of [one, two, one]) expect(await openedBy(node, secret)).toBe(id);
    }
    expect(await rotations(two)).toEqual([rotation]);
    await one[Symbol.asyncDispose]();
    await two[Symbol.asyncDispose]();
  });

  it('is told by nodes that move keys in opposite directions at once, and refuses none', { timeout }, async () => {
    await using database = await temporaryDatabase();
    await using oneDirectory = await temporaryDataDirectory();
    await using twoDirectory = await temporaryDataDirectory();
    await using one = await startNode(oneDirectory.path, database.url, before, now);
    await using two = await startNode(twoDirectory.path, database.url, now, before);
    const keys = await Promise.all(Array.from({ length: 16 }, () => newKey(one)));
    const requests = keys.flatMap((key) => [one, two, one, two, one, two].map((node) => ({ ...key, node })));
    const opened = await Promise.all(requests.map(({ node, secret }) => openedBy(node, secret)));
    expect(opened).toEqual(requests.map(({ id }) => id));
  });

  it('leaves a socket open when another node moves its key, until the key is given another secret', {
    timeout,
  }, async () => {
    await using database = await temporaryDatabase();
    await using oneDirectory = await temporaryDataDirectory();
    await using twoDirectory = await temporaryDataDirectory();
    await using one = await startNode(oneDirectory.path, database.url, before, now);
    await using two = await startNode(twoDirectory.path, database.url, now, before);
    const { id } = await newKey(one);
    const { secret } = await rotateKey(one.admin, { id });
    await using socket = await openSocket(one.url, secret!);
    expect(await openedBy(two, secret!)).toBe(id);
    await updateKey(one.admin, { id, scopes: ['COMPLETIONS', 'USAGE_READ'] });
    // A right that the socket gains shows that the change was looked into.
    await waitFor('the new right', () => {
      socket.send({
        id: randomUUID(),
        type: 'subscribe',
        payload: { query: '{ usageRecords(first: 1) { edges { cursor } } }' },
      });
      return socket.received.some(({ payload }) => payload?.data?.usageRecords);
    });
    // Within the grace of the one before, this one is replaced at once.
    await rotateKey(one.admin, { id });
    expect(await socket.closed).toEqual({ code: 4403, reason: "The API key's secret was replaced." });
  });
});
