import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { everything, openSchemaEngine } from '../../../src/store/schema-engine.ts';
import { auditOf, type TestStore } from '../../kit/store.ts';

export function installationContract(opened: () => TestStore, shared: boolean): void {
  test('answers a ping and says whether others may share the database', async () => {
    await opened().store.ping();
    expect(opened().store.shared).toBe(shared);
  });

  test('makes one default project, however many ask at once', async () => {
    const { projects } = opened().store;
    const made = await Promise.all(Array.from({ length: 8 }, () => projects.ensureDefault()));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(await projects.find([made[0]!.id])).toEqual([made[0]]);
    expect(made[0]).toMatchObject({ name: 'default', archivedAt: null, limits: { tokensPerDay: null } });
  });

  test('runs work one at a time, one that fails too, and hands on what it came to', async () => {
    const { instance } = opened().store;
    let running = 0;
    const work = (n: number) => async () => {
      expect(running++).toBe(0);
      await opened().store.ping();
      running--;
      if (n === 1) throw new RangeError('of its own');
      return n;
    };
    const outcomes = await Promise.allSettled([0, 1, 2, 3].map((n) => instance.oneAtATime(work(n))));
    expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason))).toEqual([
      0,
      new RangeError('of its own'),
      2,
      3,
    ]);
  });

  test('keeps the first fingerprint of the secret and tells every other from it', async () => {
    const { instance } = opened().store;
    expect(await instance.matchSecretFingerprint('first')).toBe(true);
    expect(await instance.matchSecretFingerprint('second')).toBe(false);
    expect(await instance.matchSecretFingerprint('first')).toBe(true);
  });

  test('replaces the fingerprint once, however many nodes would, and writes one audit event with it', async () => {
    const { instance, audit } = opened().store;
    const events = () => audit.list({ action: 'secret.rotate' }, { limit: 10, direction: 'forward' });
    const replace = (from: string, to: string) => instance.replaceSecretFingerprint(from, to, auditOf('secret.rotate'));
    expect(await instance.matchSecretFingerprint('first')).toBe(true);
    await replace('unknown', 'second');
    expect(await instance.matchSecretFingerprint('first')).toBe(true);
    expect((await events()).rows).toEqual([]);
    const rotation = auditOf('secret.rotate');
    await instance.replaceSecretFingerprint('first', 'second', rotation);
    await Promise.all(Array.from({ length: 4 }, () => replace('first', 'second')));
    expect(await instance.matchSecretFingerprint('second')).toBe(true);
    expect(await instance.matchSecretFingerprint('first')).toBe(false);
    const event = { ...rotation, targetId: 'secret', projectId: null };
    expect((await events()).rows).toEqual([
      { ...event, before: { fingerprint: 'first' }, after: { fingerprint: 'second' } },
    ]);
    await Promise.all(Array.from({ length: 4 }, () => replace('second', 'third')));
    expect((await events()).rows).toHaveLength(2);
  });

  test('reads moments right whatever time zone the sessions of the server have', async () => {
    const { database, newKey } = opened();
    const { id } = await newKey({ createdAt: new Date('2030-07-01T10:20:30.456Z') });
    const rows = await database.prisma.$queryRaw<{ zone: string; created: string }[]>`
      SELECT current_setting('TimeZone') AS zone, to_char(created_at AT TIME ZONE 'Asia/Kolkata', 'YYYY-MM-DD HH24:MI:SS.MS') AS created
      FROM api_keys WHERE id = ${id}::uuid`;
    expect(rows).toEqual([{ zone: 'UTC', created: '2030-07-01 15:50:30.456' }]);
    const [found] = await opened().store.apiKeys.find([id]);
    expect(found?.createdAt.toISOString()).toBe('2030-07-01T10:20:30.456Z');
  });

  test('has exactly the tables that schema.prisma says, by its migrations alone', async () => {
    const schema = fileURLToPath(new URL('../../../prisma/schema.prisma', import.meta.url));
    const files = [{ path: schema, content: await readFile(schema, 'utf8') }];
    using engine = await openSchemaEngine({ pool: opened().database.pool, datamodels: [[schema, files[0]!.content]] });
    const { stdout } = await engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: '.' },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      filters: { ...everything, externalTables: ['public._prisma_migrations'] },
    });
    expect(stdout?.trim()).toBe('-- This is an empty migration.');
  });
}
