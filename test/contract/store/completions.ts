import { expect, test } from 'vitest';
import type { Checkpoint, CompletionChoice, CompletionStatus } from '../../../src/contracts/stores/completions.ts';
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

  test('does not start under an epoch before that of its adoption', async () => {
    const { store, newKey } = opened();
    const { id } = await admitted(store, { ...admissionOf(await newKey()), mode: 'BACKGROUND' });
    expect(await store.completions.adopt(id, 3, after(noon, 300))).toBe(true);
    expect(await store.completions.start(id, 2, noon)).toBe(false);
    expect(await store.completions.start(id, 3, noon)).toBe(true);
    expect(await store.completions.find([id])).toMatchObject([{ status: 'RUNNING', epoch: 3 }]);
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
    const nothing = { index: 0, text: '', finishReason: null, stopSequence: null };
    expect(found.get(two.id)).toMatchObject({ choices: [nothing], firstTokenAt: null });
    expect(found.get(ended.id)).toMatchObject({ lastSeq: 9, usage: { completionTokens: 8 } });
    const left = async (before: Date) =>
      (await store.completions.abandoned(before, 1_000)).filter(({ apiKeyId }) => apiKeyId === key.id);
    expect(await left(after(noon, 300))).toEqual([]);
    expect((await left(after(noon, 301))).map(({ id }) => id)).toEqual([one.id, two.id, waiting.id]);
    await store.completions.checkpoint([checkpointOf(one.id, { reservedSeq: 2_000 })], null);
    expect(await store.completions.find([one.id])).toMatchObject([{ lastSeq: 2_000 }]);
    expect((await left(after(noon, 301))).map(({ id }) => id)).toEqual([one.id, two.id, waiting.id]);
  });

  test('what checkpoints brought one after the other is one text, wherever it is read', async () => {
    const { store, newKey } = opened();
    const key = await newKey();
    const { id } = await admitted(store, admissionOf(key, { n: 3, idempotencyKey: 'shown', leaseUntil: noon }));
    await store.completions.start(id, 1, noon);
    const piece = (index: number, text: string, ending: Partial<CompletionChoice> = {}) => ({
      index,
      text,
      finishReason: null,
      stopSequence: null,
      ...ending,
    });
    const gains: Partial<Checkpoint>[] = [
      { choices: [], textIndex: Uint8Array.of(), firstTokenAt: null, reservedSeq: 1_000 },
      { choices: [piece(2, 'first \ud83e')], textIndex: Uint8Array.of(2, 2, 7), reservedSeq: 1_001 },
      {
        afterSeq: 1,
        choices: [piece(0, 'zero'), piece(2, '\udd8a\u0000', { finishReason: 'STOP_SEQUENCE', stopSequence: 'x' })],
        textIndex: Uint8Array.of(2, 0, 4, 0, 2, 2),
        usage: { promptTokens: 10, cachedPromptTokens: 2, completionTokens: 7 },
        reservedSeq: 1_002,
      },
    ];
    for (const gain of gains) await store.completions.checkpoint([checkpointOf(id, gain)], null);
    const expected = {
      choices: [
        piece(0, 'zero'),
        piece(1, ''),
        piece(2, 'first 🦊\u0000', { finishReason: 'STOP_SEQUENCE', stopSequence: 'x' }),
      ],
      usage: { promptTokens: 10, cachedPromptTokens: 2, completionTokens: 7 },
      firstTokenAt: after(noon, 1),
      lastSeq: 1_002,
      textIndex: Uint8Array.of(2, 2, 7, 2, 0, 4, 0, 2, 2),
    };
    const { completions } = store;
    const page = await completions.list({ projectId: key.projectId }, { limit: 10, direction: 'forward' });
    const left = await completions.abandoned(after(noon, 1), 1_000);
    const seen = [
      (await completions.find([id]))[0],
      await completions.findByIdempotencyKey(key.id, 'shown'),
      page.rows[0],
      left.find((each) => each.id === id),
    ];
    for (const completion of seen) expect(completion).toMatchObject(expected);
    await completions.finalise(settlementOf({ id, createdAt: noon, epoch: 1 }));
    expect(await completions.find([id])).toMatchObject([{ choices: settlementOf(seen[0]!).choices, lastSeq: 9 }]);
  });

  test('a checkpoint that is sent again brings nothing twice, and one that comes late takes nothing away', async () => {
    const { store, newKey } = opened();
    const { id } = await admitted(store, admissionOf(await newKey()));
    await store.completions.start(id, 1, noon);
    const gain = (afterSeq: number, seq: number, text: string) =>
      checkpointOf(id, {
        afterSeq,
        choices: [{ index: 0, text, finishReason: null, stopSequence: null }],
        textIndex: new TextEncoder().encode(text),
        usage: { promptTokens: 10, cachedPromptTokens: 0, completionTokens: seq },
        reservedSeq: 1_000 + seq,
      });
    const [lost, again] = [gain(2, 4, 'cd'), gain(2, 5, 'cde')];
    for (const each of [gain(0, 2, 'ab'), lost, again, lost, gain(5, 6, 'f'), again]) {
      await store.completions.checkpoint([each], null);
    }
    const [completion] = await store.completions.find([id]);
    expect(completion).toMatchObject({
      choices: [{ text: 'abcdef' }],
      usage: { completionTokens: 6 },
      lastSeq: 1_006,
    });
    expect(new TextDecoder().decode(completion!.textIndex!)).toBe('abcdef');
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

  test('finds what was left, oldest first, in batches that go on after the one before', async () => {
    const { store, newKey } = opened();
    const key = await newKey();
    const long = new Date('2020-01-01T00:00:00Z');
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push((await admitted(store, admissionOf(key, { leaseUntil: long }))).id);
    expect((await store.completions.abandoned(after(long, 1), 2)).map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect((await store.completions.abandoned(after(long, 1), 2, ids[0])).map(({ id }) => id)).toEqual(ids.slice(1));
    expect(await store.completions.abandoned(after(long, 1), 2, ids[2])).toEqual([]);
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
    expect(await store.completions.start(id, 1, noon)).toBe(false);
    expect(await store.completions.start(id, 2, noon)).toBe(true);
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
