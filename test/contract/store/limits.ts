import { expect, test } from 'vitest';
import {
  admissionOf,
  admitted,
  after,
  noLimits,
  noon,
  refused,
  settlementOf,
  type TestStore,
  unbilled,
} from '../../kit/store.ts';

export function limitsContract(opened: () => TestStore): void {
  test('tells what every set limit of key and project stands at, and only those', async () => {
    const { store, newKey, newProject } = opened();
    const projectId = await newProject({ tokensPerMonth: 1_000n });
    const key = await newKey({ projectId, limits: { requestsPerMinute: 6, concurrentCompletions: 2 } });
    await admitted(store, admissionOf(key));
    expect(await store.usage.limits(key.id, noon)).toEqual([
      {
        scope: 'PROJECT',
        name: 'tokensPerMonth',
        limit: 1_000n,
        used: 30n,
        resetsAt: new Date('2031-06-01T00:00:00Z'),
      },
      { scope: 'API_KEY', name: 'requestsPerMinute', limit: 6n, used: 1n, resetsAt: after(noon, 10) },
      { scope: 'API_KEY', name: 'concurrentCompletions', limit: 2n, used: 1n, resetsAt: null },
    ]);
  });

  test.each([
    ['requestsPerMinute', { requestsPerMinute: 3 }, {}],
    ['tokensPerMinute', { tokensPerMinute: 100 }, { promptTokens: 13, maxTokens: 20 }],
    ['tokensPerDay', { tokensPerDay: 100n }, { promptTokens: 13, maxTokens: 20 }],
    ['tokensPerMonth', { tokensPerMonth: 100n }, { promptTokens: 13, maxTokens: 20 }],
    ['costPerMonth', { costPerMonth: 450n }, { promptTokens: 13, maxTokens: 20 }],
  ])('%s: a refusal says when it would fit, and then it does', async (_name, limits, details) => {
    const { store, newKey } = opened();
    const key = await newKey({ limits });
    for (let i = 0; i < 3; i++) {
      const completion = await admitted(store, admissionOf(key, details));
      const usage = { promptTokens: completion.promptTokens, cachedPromptTokens: 0, completionTokens: 20 };
      await store.completions.finalise(settlementOf(completion, { usage }));
    }
    const refusal = await refused(store, admissionOf(key, details));
    const [state] = await store.usage.limits(key.id, noon);
    expect(refusal).toMatchObject({
      used: state!.used,
      limit: state!.limit,
      resetsAt: state!.resetsAt,
      neverFits: false,
    });
    const early = after(noon, refusal.retryAfterSeconds - 2);
    const late = after(noon, refusal.retryAfterSeconds);
    expect(refusal.resetsAt!.getTime()).toBeGreaterThan(noon.getTime());
    expect((await store.completions.admit(admissionOf(key, { ...details, at: early }))).type).toBe('limited');
    expect((await store.completions.admit(admissionOf(key, { ...details, at: late }))).type).toBe('admitted');
  });

  test('says at once where only reservations are in the way, and where waiting cannot help', async () => {
    const { store, newKey } = opened();
    const key = await newKey({ limits: { tokensPerDay: 50n } });
    const held = await admitted(store, admissionOf(key));
    expect(await refused(store, admissionOf(key))).toMatchObject({ retryAfterSeconds: 1, neverFits: false });
    expect(await refused(store, admissionOf(key, { maxTokens: 41 }))).toMatchObject({
      neverFits: true,
      requested: 51n,
    });
    await store.completions.finalise(settlementOf(held, unbilled));
    await admitted(store, admissionOf(key));
  });

  test('names the limit that holds the request up the longest', async () => {
    const { store, newKey, newProject } = opened();
    const projectId = await newProject({ tokensPerMonth: 40n, requestsPerMinute: 1 });
    const key = await newKey({ projectId, limits: { tokensPerDay: 40n, concurrentCompletions: 1 } });
    await store.completions.finalise(settlementOf(await admitted(store, admissionOf(key)), { completionTokens: 20 }));
    expect(await refused(store, admissionOf(key))).toMatchObject({ name: 'tokensPerMonth', scope: 'PROJECT' });
  });

  test('a refusal changes nothing', async () => {
    const { store, database, newKey, newProject } = opened();
    const projectId = await newProject({ requestsPerMinute: 10, tokensPerMonth: 10_000n });
    const key = await newKey({ projectId, limits: { tokensPerDay: 40n, tokensPerMinute: 100 } });
    await admitted(store, admissionOf(key));
    const quotas = () =>
      database.prisma.quota.findMany({
        where: { subjectId: { in: [projectId, key.id] } },
        orderBy: { subjectId: 'asc' },
      });
    const before = await quotas();
    await refused(store, admissionOf(key, { idempotencyKey: 'again', at: after(noon, 1) }));
    expect(await quotas()).toEqual(before);
    expect(await store.completions.findByIdempotencyKey(key.id, 'again')).toBeUndefined();
  });

  test('buckets leak with time: a whole limit in a minute', async () => {
    const { store, newKey } = opened();
    const key = await newKey({ limits: { requestsPerMinute: 60, tokensPerMinute: 600 } });
    for (let i = 0; i < 10; i++) await admitted(store, admissionOf(key));
    const used = async (seconds: number) =>
      (await store.usage.limits(key.id, after(noon, seconds))).map((state) => state.used);
    expect(await used(0)).toEqual([10n, 300n]);
    expect(await used(4)).toEqual([6n, 260n]);
    expect(await used(10)).toEqual([0n, 200n]);
    expect(await used(60)).toEqual([0n, 0n]);
  });

  test.each([
    ['requestsPerMinute', { requestsPerMinute: 2 }, 2n],
    ['tokensPerMinute', { tokensPerMinute: 60 }, 60n],
  ])('%s: a request that comes to the store after a later one finds the same room', async (_name, limits, whole) => {
    const { store, newKey } = opened();
    const key = await newKey({ limits });
    await admitted(store, admissionOf(key, { at: after(noon, 0.02) }));
    await admitted(store, admissionOf(key, { at: after(noon, 0.01) }));
    expect(await refused(store, admissionOf(key))).toMatchObject({ used: whole });
    expect(await store.usage.limits(key.id, noon)).toMatchObject([{ used: whole }]);
  });

  test('windows are UTC days and months of the moment of admission', async () => {
    const { store, newKey } = opened();
    const key = await newKey({ limits: { tokensPerDay: 30n, tokensPerMonth: 60n } });
    const lastOfMay = new Date('2031-05-31T23:59:59.999Z');
    const firstOfJune = new Date('2031-06-01T00:00:00.000Z');
    const before = await admitted(store, admissionOf(key, { at: new Date('2031-05-30T12:00:00Z') }));
    const may = await admitted(store, admissionOf(key, { at: lastOfMay }));
    expect(await refused(store, admissionOf(key, { at: lastOfMay }))).toMatchObject({ resetsAt: firstOfJune });
    const june = await admitted(store, admissionOf(key, { at: firstOfJune }));
    // What May's requests give back goes back to May, and is of no use to June.
    await store.completions.finalise(settlementOf(before, { ...unbilled, finishedAt: firstOfJune }));
    await store.completions.finalise(settlementOf(may, { ...unbilled, finishedAt: firstOfJune }));
    expect(await store.usage.limits(key.id, firstOfJune)).toMatchObject([{ used: 30n }, { used: 30n }]);
    await store.completions.finalise(settlementOf(june, { completionTokens: 5 }));
    expect(await store.usage.limits(key.id, firstOfJune)).toMatchObject([{ used: 15n }, { used: 15n }]);
    expect(await store.usage.limits(key.id, new Date('2031-06-02T00:00:00Z'))).toMatchObject([
      { used: 0n },
      { used: 15n },
    ]);
    expect(await store.usage.limits(key.id, new Date('2031-07-01T00:00:00Z'))).toMatchObject([
      { used: 0n },
      { used: 0n },
    ]);
  });

  test('a request under way at midnight joins the day that has begun', async () => {
    const { store, newKey } = opened();
    const key = await newKey({ limits: { tokensPerDay: 60n } });
    const midnight = new Date('2031-05-16T00:00:00.000Z');
    await admitted(store, admissionOf(key, { at: midnight }));
    const straggler = await admitted(store, admissionOf(key, { at: after(midnight, -0.01) }));
    await refused(store, admissionOf(key, { at: midnight }));
    await store.completions.finalise(settlementOf(straggler, { ...unbilled, finishedAt: midnight }));
    expect(await store.usage.limits(key.id, midnight)).toMatchObject([{ used: 30n }]);
  });

  test('a limit that is set later counts what was taken before', async () => {
    const { store, database, newKey } = opened();
    const key = await newKey({ limits: noLimits });
    await admitted(store, admissionOf(key));
    await database.prisma.apiKey.update({
      where: { id: key.id },
      data: { tokensPerDay: 50n, concurrentCompletions: 5 },
    });
    expect(await store.usage.limits(key.id, noon)).toMatchObject([{ used: 1n }, { used: 30n }]);
    expect(await refused(store, admissionOf(key))).toMatchObject({ name: 'tokensPerDay', used: 30n });
  });

  test('what comes back to the bucket of tokens is what was not used, and not what has leaked away', async () => {
    const { store, newKey } = opened();
    const key = await newKey({ limits: { tokensPerMinute: 60 } });
    const used = async (seconds: number) => (await store.usage.limits(key.id, after(noon, seconds)))[0]!.used;
    const first = await admitted(store, admissionOf(key));
    await store.completions.finalise(settlementOf(first, { completionTokens: 2 }));
    expect(await used(0)).toBe(12n);
    // Thirty tokens that leak until second 112; then the bucket is empty and fills anew.
    const slow = await admitted(store, admissionOf(key, { at: after(noon, 82) }));
    await admitted(store, admissionOf(key, { at: after(noon, 120) }));
    await store.completions.finalise(settlementOf(slow, { ...unbilled, finishedAt: after(noon, 121) }));
    expect(await used(121)).toBe(29n);
  });
}
