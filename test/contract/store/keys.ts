import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { ApiKeyId } from '../../../src/contracts/ids.ts';
import type { ApiKey } from '../../../src/contracts/stores/api-keys.ts';
import { after, auditOf, keyOf, noLimits, noon, type TestStore } from '../../kit/store.ts';

export function keysContract(opened: () => TestStore): void {
  test('gives back what was stored, by id and by hash, and nothing of the hash', async () => {
    const { store, newProject } = opened();
    const { hash, ...key } = {
      ...keyOf(await newProject()),
      scopes: ['ADMIN', 'COMPLETIONS'] as const,
      models: ['starter', 'other'],
      limits: { ...noLimits, requestsPerMinute: 60, tokensPerDay: 9_007_199_254_740_993n },
      expiresAt: after(noon, 3_600),
    };
    const stored: ApiKey = { ...key, revokedAt: null, lastUsedAt: null, previousSecretExpiresAt: null };
    expect(await store.apiKeys.create({ ...key, hash }, auditOf('api-key.create'))).toEqual(stored);
    expect(await store.apiKeys.findByHash([hash])).toEqual({ key: stored, hash: Uint8Array.from(hash) });
    expect(await store.apiKeys.findByHash([randomBytes(32), hash])).toEqual({
      key: stored,
      hash: Uint8Array.from(hash),
    });
    expect(await store.apiKeys.find([key.id])).toEqual([stored]);
    expect(await store.apiKeys.findByHash([randomBytes(32), randomBytes(32)])).toBeUndefined();
  });

  test('finds the keys of many secrets at once, each as its secret opens it', async () => {
    const { store, newKey } = opened();
    const [current, before, other, stranger] = Array.from({ length: 4 }, () => Uint8Array.from(randomBytes(32)));
    const { id } = await newKey({ hash: before! });
    const rotation = { hash: current!, hint: 'slc_efgh', at: noon, graceUntil: after(noon, 60) };
    await store.apiKeys.rotate(id, rotation, auditOf('api-key.rotate'));
    const { id: otherId } = await newKey({ hash: other! });
    await store.apiKeys.revoke(otherId, noon, auditOf('api-key.revoke'));
    expect(await store.apiKeys.findEachByHash([])).toEqual([]);
    const secrets = [[stranger!], [before!], [stranger!, other!], [current!, stranger!]];
    expect(await store.apiKeys.findEachByHash(secrets)).toMatchObject([
      undefined,
      { key: { id, expiresAt: after(noon, 60) }, hash: before },
      { key: { id: otherId, revokedAt: noon }, hash: other },
      { key: { id, expiresAt: null }, hash: current },
    ]);
  });

  test('moves a secret to another hash, be it the current one of its key or the one before', async () => {
    const { store, newKey } = opened();
    const [current, before, moved, movedBefore, stranger] = Array.from({ length: 5 }, () =>
      Uint8Array.from(randomBytes(32)),
    );
    const { id } = await newKey({ hash: before! });
    const rotation = { hash: current!, hint: 'slc_efgh', at: noon, graceUntil: after(noon, 60) };
    await store.apiKeys.rotate(id, rotation, auditOf('api-key.rotate'));
    await store.apiKeys.rehash(current!, moved!);
    await Promise.all([1, 2].map(() => store.apiKeys.rehash(before!, movedBefore!)));
    await store.apiKeys.rehash(stranger!, randomBytes(32));
    const byCurrent = await store.apiKeys.findByHash([moved!, current!]);
    expect(byCurrent).toMatchObject({ key: { id, expiresAt: null }, hash: moved });
    const byPrevious = await store.apiKeys.findByHash([before!, movedBefore!]);
    expect(byPrevious).toMatchObject({ key: { id, expiresAt: after(noon, 60) }, hash: movedBefore });
    expect(await store.apiKeys.findByHash([current!, before!])).toBeUndefined();
  });

  test('tells a key for no model from a key for all', async () => {
    const { newKey } = opened();
    expect((await newKey({ models: [] })).models).toEqual([]);
    expect((await newKey({ models: null })).models).toBeNull();
  });

  test('takes an id that cannot exist for one that does not', async () => {
    const { apiKeys, completions } = opened().store;
    const impossible = 'no-uuid' as ApiKeyId;
    expect(await apiKeys.find([impossible])).toEqual([]);
    expect(await apiKeys.revoke(impossible, noon, auditOf('api-key.revoke'))).toBeUndefined();
    expect(await completions.find([impossible as never])).toEqual([]);
    expect(await apiKeys.list({}, { limit: 5, direction: 'forward', cursor: impossible })).toEqual({
      rows: [],
      hasMore: false,
    });
  });

  test('revokes once: again keeps the first moment and writes no second audit event', async () => {
    const { store, newKey } = opened();
    const { id, projectId } = await newKey();
    const first = await store.apiKeys.revoke(id, noon, auditOf('api-key.revoke'));
    const second = await store.apiKeys.revoke(id, after(noon, 60), auditOf('api-key.revoke'));
    expect(first?.revokedAt).toEqual(noon);
    expect(second).toEqual(first);
    const { rows } = await store.audit.list({ projectId }, { limit: 10, direction: 'forward' });
    expect(rows.map(({ action }) => action)).toEqual(['api-key.revoke', 'api-key.create']);
    expect(rows[0]).toMatchObject({
      targetId: id,
      before: { revokedAt: null },
      after: { revokedAt: noon.toISOString() },
    });
  });

  test('stores no key whose audit event cannot be stored', async () => {
    const { store, newKey, newProject } = opened();
    const { projectId } = await newKey();
    const [event] = (await store.audit.list({ projectId }, { limit: 1, direction: 'forward' })).rows;
    const key = keyOf(await newProject());
    await expect(store.apiKeys.create(key, { ...auditOf('api-key.create'), id: event!.id })).rejects.toThrow();
    expect(await store.apiKeys.find([key.id])).toEqual([]);
  });

  test('never moves the moment of last use back', async () => {
    const { store, newKey } = opened();
    const hash = { early: randomBytes(32), late: randomBytes(32) };
    const [early, late] = [await newKey({ hash: hash.early }), await newKey({ hash: hash.late })];
    const touch = (earlyAt: Date, lateAt: Date) =>
      store.apiKeys.touch([
        { id: early.id, hash: hash.early, at: earlyAt },
        { id: late.id, hash: hash.late, at: lateAt },
      ]);
    await touch(noon, after(noon, 60));
    await touch(after(noon, 30), after(noon, 30));
    const found = await store.apiKeys.find([early.id, late.id]);
    const used = new Map(found.map(({ id, lastUsedAt }) => [id, lastUsedAt]));
    expect(used.get(early.id)).toEqual(after(noon, 30));
    expect(used.get(late.id)).toEqual(after(noon, 60));
  });

  test('notes no use under a hash that the key is not stored under', async () => {
    const { store, newKey } = opened();
    const [before, moved, rotated] = Array.from({ length: 3 }, () => Uint8Array.from(randomBytes(32)));
    const { id } = await newKey({ hash: before! });
    const lastUse = async (hash: Uint8Array, at: Date) => {
      await store.apiKeys.touch([{ id, hash, at }]);
      return (await store.apiKeys.find([id]))[0]!.lastUsedAt;
    };
    expect(await lastUse(moved!, noon)).toBeNull();
    await store.apiKeys.rehash(before!, moved!);
    expect(await lastUse(before!, noon)).toBeNull();
    expect(await lastUse(moved!, noon)).toEqual(noon);
    const rotation = { hash: rotated!, hint: 'slc_efgh', at: noon, graceUntil: after(noon, 60) };
    await store.apiKeys.rotate(id, rotation, auditOf('api-key.rotate'));
    expect(await lastUse(moved!, after(noon, 1))).toEqual(after(noon, 1));
    expect(await lastUse(rotated!, after(noon, 2))).toEqual(after(noon, 2));
  });

  test('pages newest first in both directions, each row once', async () => {
    const { store, newKey, newProject } = opened();
    const projectId = await newProject();
    const ids: ApiKeyId[] = [];
    for (let i = 0; i < 7; i++) ids.unshift((await newKey({ projectId })).id);
    await store.apiKeys.revoke(ids[3]!, noon, auditOf('api-key.revoke'));

    const first = await store.apiKeys.list({ projectId }, { limit: 3, direction: 'forward' });
    expect(first).toMatchObject({ hasMore: true, rows: ids.slice(0, 3).map((id) => ({ id })) });
    const rest = await store.apiKeys.list({ projectId }, { limit: 4, direction: 'forward', cursor: ids[2]! });
    expect(rest).toMatchObject({ hasMore: false, rows: ids.slice(3).map((id) => ({ id })) });
    const back = await store.apiKeys.list({ projectId }, { limit: 2, direction: 'backward', cursor: ids[3]! });
    expect(back).toMatchObject({ hasMore: true, rows: ids.slice(1, 3).map((id) => ({ id })) });
    const last = await store.apiKeys.list({ projectId }, { limit: 2, direction: 'backward' });
    expect(last).toMatchObject({ hasMore: true, rows: ids.slice(5).map((id) => ({ id })) });

    const only = await store.apiKeys.list({ projectId, id: ids[1]! }, { limit: 2, direction: 'forward' });
    expect(only).toMatchObject({ rows: [{ id: ids[1] }], hasMore: false });
    const onlyAfter = await store.apiKeys.list({ id: ids[1]! }, { limit: 2, direction: 'forward', cursor: ids[1]! });
    expect(onlyAfter).toEqual({ rows: [], hasMore: false });
    const revoked = await store.apiKeys.list({ projectId, revoked: true }, { limit: 10, direction: 'forward' });
    expect(revoked.rows.map(({ id }) => id)).toEqual([ids[3]]);
    const active = await store.apiKeys.list({ projectId, revoked: false }, { limit: 10, direction: 'forward' });
    expect(active.rows).toHaveLength(6);
  });
}
