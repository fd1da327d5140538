import { expect, test } from 'vitest';
import type { CompletionStatus } from '../../../src/contracts/stores/completions.ts';
import { admissionOf, admitted, after, checkpointOf, noon, settlementOf, type TestStore } from '../../kit/store.ts';

const farFuture = new Date(8.64e15);

export function completionsContract(opened: () => TestStore): void {
  test('starts once', async () => {
    const { store, newKey } = opened();
    const { id } = await admitted(store, admissionOf(await newKey()));
    const moments = [0, 0.001, 0.002].map((seconds) => after(noon, seconds));
    const started = await Promise.all(moments.map((at) => store.completions.start(id, 1, at)));
    expect(started.filter(Boolean)).toHaveLength(1);
    const startedAt = moments[started.indexOf(true)];
    expect(await store.completions.find([id])).toMatchObject([{ status: 'RUNNING', epoch: 1, startedAt }]);
  });

  test('says again to who started it, after a lost answer, that it did', async () => {
    const { store, newKey } = opened();
    const { id } = await admitted(store, admissionOf(await newKey()));
    for (let i = 0; i < 3; i++) expect(await store.completions.start(id, 1, noon)).toBe(true);
    expect(await store.completions.start(id, 1, after(noon, 0.001))).toBe(false);
    expect(await store.completions.start(id, 2, noon)).toBe(false);
  });

  test('does not start what has ended', async () => {
    const { store, newKey } = opened();
    const completion = await admitted(store, admissionOf(await newKey()));
    await store.completions.finalise(settlementOf(completion));
    expect(await store.completions.start(completion.id, 1, noon)).toBe(false);
  });

  test('checkpoints many at once: text, counts and seqs of those that run, leases of those and of the waiting', async () => {
    const { store, newKey } = opened();
    const key = await newKey();
    const [one, two, waiting, ended] = [
      await admitted(store, admissionOf(key)),
      await admitted(store, admissionOf(key)),
      await admitted(store, admissionOf(key)),
      await admitted(store, admissionOf(key)),
    ];
    for (const { id } of [one, two, ended]) await store.completions.start(id, 1, noon);
    await store.completions.finalise(settlementOf({ ...ended, epoch: 1 }));
    await store.completions.checkpoint(
      [checkpointOf(one.id), checkpointOf(two.id, { choices: [], firstTokenAt: null }), checkpointOf(ended.id)],
      { waiting: [waiting.id, ended.id], until: after(noon, 300) },
    );
    const found = new Map(
      (await store.completions.find([one.id, two.id, waiting.id, ended.id])).map((each) => [each.id, each]),
    );
    expect(found.get(one.id)).toMatchObject({
      choices: checkpointOf(one.id).choices,
      usage: { promptTokens: 10, cachedPromptTokens: 2, completionTokens: 5 },
      firstTokenAt: after(noon, 1),
      lastSeq: 1_000,
      textIndex: Uint8Array.of(0, 200, 255),
      cost: null,
    });
    expect(found.get(two.id)).toMatchObject({ choices: [], firstTokenAt: null });
    expect(found.get(ended.id)).toMatchObject({ lastSeq: 9, usage: { completionTokens: 8 } });
    const left = async (before: Date) =>
      (await store.completions.abandoned(before, 1_000)).filter(({ apiKeyId }) => apiKeyId === key.id);
    expect(await left(after(noon, 300))).toEqual([]);
    expect((await left(after(noon, 301))).map(({ id }) => id)).toEqual([one.id, two.id, waiting.id]);
    await store.completions.checkpoint([checkpointOf(one.id, { reservedSeq: 2_000 })], null);
    expect(await store.completions.find([one.id])).toMatchObject([{ lastSeq: 2_000 }]);
    expect((await left(after(noon, 301))).map(({ id }) => id)).toEqual([one.id, two.id, waiting.id]);
  });

  test('a checkpoint of an older epoch, or that comes late, changes nothing', async () => {
    const { store, newKey } = opened();
    const { id } = await admitted(store, admissionOf(await newKey()));
    await store.completions.start(id, 2, noon);
    await store.completions.checkpoint([checkpointOf(id)], null);
    const [unchanged] = await store.completions.find([id]);
    expect(unchanged).toMatchObject({ choices: [], lastSeq: 0, usage: { completionTokens: 0 } });
    await store.completions.checkpoint([checkpointOf(id, { epoch: 2 })], null);
    await store.completions.checkpoint([checkpointOf(id, { epoch: 2, reservedSeq: 900 })], null);
    expect(await store.completions.find([id])).toMatchObject([{ lastSeq: 1_000 }]);
  });

  test('finds what was left, oldest first, in batches', async () => {
    const { store, newKey } = opened();
    const key = await newKey();
    const long = new Date('2020-01-01T00:00:00Z');
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push((await admitted(store, admissionOf(key, { leaseUntil: long }))).id);
    expect((await store.completions.abandoned(after(long, 1), 2)).map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect(await store.completions.abandoned(long, 2)).toEqual([]);
    expect((await store.completions.abandoned(farFuture, 1_000)).map(({ id }) => id)).toEqual(
      expect.arrayContaining(ids),
    );
    for (const id of ids) await store.completions.finalise(settlementOf({ id, createdAt: noon, epoch: 0 }));
    expect(await store.completions.abandoned(after(long, 1), 2)).toEqual([]);
  });

  test('one of several takes over what was left, under the next epoch, and can start it', async () => {
    const { store, newKey } = opened();
    const { id, epoch } = await admitted(store, admissionOf(await newKey()));
    const adopt = () => store.completions.adopt(id, epoch + 1, after(noon, 500));
    const taken = await Promise.all([adopt(), adopt(), adopt()]);
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect(await store.completions.find([id])).toMatchObject([{ epoch: 1, status: 'QUEUED' }]);
    expect(await store.completions.adopt(id, 2, after(noon, 500))).toBe(true);
    expect(await store.completions.start(id, 1, noon)).toBe(true);
  });

  test('lists by project, key, status, model, user and time, newest first', async () => {
    const { store, newKey, newProject } = opened();
    const projectId = await newProject();
    const [a, b] = [await newKey({ projectId }), await newKey({ projectId })];
    const first = await admitted(store, admissionOf(a, { user: 'ann' }));
    const second = await admitted(store, admissionOf(b, { model: 'other', at: after(noon, 60) }));
    const third = await admitted(store, admissionOf(a, { at: after(noon, 120) }));
    await store.completions.finalise(settlementOf(second));
    const page = { limit: 10, direction: 'forward' } as const;
    const idsOf = async (filter: object) =>
      (await store.completions.list({ projectId, ...filter }, page)).rows.map(({ id }) => id);
    expect(await idsOf({})).toEqual([third.id, second.id, first.id]);
    expect(await idsOf({ apiKeyId: a.id })).toEqual([third.id, first.id]);
    expect(await idsOf({ status: ['SUCCEEDED', 'FAILED'] satisfies CompletionStatus[] })).toEqual([second.id]);
    expect(await idsOf({ status: [] })).toEqual([]);
    expect(await idsOf({ model: 'other' })).toEqual([second.id]);
    expect(await idsOf({ user: 'ann' })).toEqual([first.id]);
    expect(await idsOf({ createdFrom: after(noon, 60), createdBefore: after(noon, 120) })).toEqual([second.id]);
    const backward = await store.completions.list({ projectId }, { limit: 1, direction: 'backward', cursor: first.id });
    expect(backward).toMatchObject({ hasMore: true, rows: [{ id: second.id }] });
    const all = await store.completions.list({ projectId: null }, { limit: 2, direction: 'forward' });
    expect(all.rows.map(({ id }) => id)).toEqual([third.id, second.id]);
  });
}
