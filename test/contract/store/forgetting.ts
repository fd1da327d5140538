import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ApiKey } from '../../../src/contracts/stores/api-keys.ts';
import type { Completion, Forgettable } from '../../../src/contracts/stores/completions.ts';
import { createRetention } from '../../../src/domain/completions/retention.ts';
import { storeOver } from '../../../src/store/open.ts';
import { silentLog } from '../../kit/database.ts';
import { admissionOf, admitted, after, noon, settlementOf, type TestStore } from '../../kit/store.ts';
import { waitFor } from '../../kit/wait-for.ts';

const contents = { user: 'ann', metadata: { ticket: 7 } };
const gone = { request: null, choices: null, textIndex: null, metadata: null };

/** Forgetting goes through all completions of a store: these tests have one to themselves, and leave nothing in it to be forgotten. */
export function forgettingContract(open: () => Promise<TestStore>): void {
  let opened: TestStore;
  beforeAll(async () => {
    opened = await open();
  });
  afterEach(async () => {
    for (const what of ['content', 'idempotency-keys'] as const) await forget(what, 1_000_000);
  });
  afterAll(() => opened?.[Symbol.asyncDispose]());

  const ended = async (key: ApiKey, minutes: number, details = {}): Promise<Completion> => {
    const admission = admissionOf(key, { ...contents, at: after(noon, minutes * 60), ...details });
    return opened.store.completions.finalise(settlementOf(await admitted(opened.store, admission)));
  };
  const forget = (what: Forgettable, minutes: number, limit = 100) =>
    opened.store.completions.forget(what, after(noon, minutes * 60), limit);
  const found = async ({ id }: Completion) => (await opened.store.completions.find([id]))[0];

  test('content and metadata of what is older than the moment go; usage, user tag and all else stay', async () => {
    const key = await opened.newKey();
    const old = await ended(key, 0, { idempotencyKey: 'old' });
    const young = await ended(key, 10);
    const records = await opened.store.usage.findByCompletion([old.id, young.id]);
    expect(await forget('content', 10)).toBe(1);
    expect(await found(old)).toEqual({ ...old, ...gone });
    expect(await found(young)).toEqual(young);
    expect(await opened.store.usage.findByCompletion([old.id, young.id])).toEqual(records);
    expect(records.map(({ user }) => user)).toEqual(['ann', 'ann']);
    expect(await opened.store.completions.findProject(old.id)).toBe(key.projectId);
  });

  test('what has not ended keeps its content, however old, until it has', async () => {
    const { completions } = opened.store;
    const key = await opened.newKey();
    const waiting = await admitted(opened.store, admissionOf(key, contents));
    const running = await admitted(opened.store, admissionOf(key, contents));
    await completions.start(running.id, 1, noon);
    await forget('content', 60);
    expect(await found(waiting)).toEqual(waiting);
    expect(await found(running)).toMatchObject({ status: 'RUNNING', request: running.request, ...contents });
    await completions.finalise(settlementOf(waiting));
    await completions.finalise(settlementOf({ ...running, epoch: 1 }));
    await forget('content', 60);
    for (const each of [waiting, running]) {
      expect(await found(each)).toMatchObject({ status: 'SUCCEEDED', user: 'ann', ...gone });
    }
  });

  test('idempotency keys go by themselves, and are free for new work', async () => {
    const { completions } = opened.store;
    const key = await opened.newKey();
    const old = await ended(key, 0, { idempotencyKey: 'again' });
    const again = () => admissionOf(key, { idempotencyKey: 'again', at: after(noon, 600) });
    await forget('content', 10);
    expect(await completions.admit(again())).toMatchObject({ type: 'existing', completion: { id: old.id } });
    expect(await forget('idempotency-keys', 10)).toBe(1);
    expect(await completions.findByIdempotencyKey(key.id, 'again')).toBeUndefined();
    await completions.finalise(settlementOf(await admitted(opened.store, again())));
    expect(await found(old)).toEqual({ ...old, ...gone, idempotencyKey: null });
    const kept = await ended(key, 1, { idempotencyKey: 'kept' });
    await forget('content', 10);
    expect((await found(kept))?.idempotencyKey).toBe('kept');
  });

  test('goes in batches, oldest first, and says how many; less than a batch is all', async () => {
    const key = await opened.newKey();
    const all: Completion[] = [];
    for (let minute = 0; minute < 5; minute++) all.push(await ended(key, minute));
    const kept = async () => {
      const rows = await opened.store.completions.find(all.map(({ id }) => id));
      return all.map(({ id }) => rows.find((row) => row.id === id)!.choices !== null);
    };
    expect(await forget('content', 60, 2)).toBe(2);
    expect(await kept()).toEqual([false, false, true, true, true]);
    expect(await forget('content', 60, 2)).toBe(2);
    expect(await forget('content', 60, 2)).toBe(1);
    expect(await kept()).toEqual([false, false, false, false, false]);
    expect(await forget('content', 60, 2)).toBe(0);
  });

  test('of several processes that forget at once each goes through others', async () => {
    const stores = [opened.store, storeOver(opened.database)];
    const key = await opened.newKey();
    for (let minute = 0; minute < 6; minute++) await ended(key, minute);
    const counts = await Promise.all(
      Array.from({ length: 6 }, (_, i) => stores[i % 2]!.completions.forget('content', after(noon, 3_600), 2)),
    );
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(6);
  });

  test('retention forgets of each kind what its period has passed for, again and again', async () => {
    const { completions } = opened.store;
    const key = await opened.newKey();
    const halfAMinute = 0.5 / 60;
    let now = noon.getTime();
    const old = await ended(key, 0, { idempotencyKey: 'old' });
    await using _ = createRetention({
      completions,
      contentDays: 2 / 86_400,
      idempotencyHours: 1 / 3_600,
      logger: silentLog,
      now: () => now,
    });
    now += 1_500;
    const keyless = { ...old, idempotencyKey: null };
    await waitFor('the key to go', async () => (await found(old))?.idempotencyKey === null);
    expect(await found(old)).toEqual(keyless);
    now += 1_000;
    await waitFor('the content to go', async () => (await found(old))?.choices === null);
    expect(await found(old)).toEqual({ ...keyless, ...gone });
    const next = await ended(key, halfAMinute, { idempotencyKey: 'old' });
    expect(await found(next)).toEqual(next);
    now += 60_000;
    await waitFor('the next one to go', async () => (await found(next))?.choices === null);
  });
}
