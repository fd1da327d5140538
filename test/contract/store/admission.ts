import { expect, test } from 'vitest';
import { admissionOf, admitted, after, auditOf, noon, refused, type TestStore } from '../../kit/store.ts';

const concurrent = 64;

export function admissionContract(opened: () => TestStore): void {
  test('stores the completion as it answers it, waiting, with everything that was asked', async () => {
    const { store, newKey } = opened();
    const key = await newKey();
    const awkward = 'nul \u0000, half a surrogate \ud800, quotes "\\" and 🦊';
    const completion = await admitted(
      store,
      admissionOf(key, {
        user: 'user-1',
        metadata: { tags: [awkward, null, 1.5] },
        idempotencyKey: 'once',
        request: { ...admissionOf(key).request, prompt: awkward, messages: [{ role: 'USER', content: awkward }] },
      }),
    );
    expect(completion).toMatchObject({
      status: 'QUEUED',
      epoch: 0,
      lastSeq: 0,
      maxTokens: 20,
      cost: null,
      seed: 4_294_967_295,
    });
    const [found] = await store.completions.find([completion.id]);
    expect(found).toEqual({ ...completion, inputHash: Uint8Array.from(completion.inputHash) });
    expect(await store.completions.findProject(completion.id)).toBe(completion.projectId);
    expect(await store.completions.findByIdempotencyKey(key.id, 'once')).toEqual(found);
    expect(await store.completions.findByIdempotencyKey((await newKey()).id, 'once')).toBeUndefined();
  });

  test('admits what is sent again after a lost answer, without reserving twice', async () => {
    const { store, newKey } = opened();
    const key = await newKey({ limits: { concurrentCompletions: 1 } });
    const admission = admissionOf(key);
    const first = await admitted(store, admission);
    expect(await admitted(store, admission)).toEqual(first);
    expect(await store.usage.limits(key.id, noon)).toMatchObject([{ used: 1n }]);
  });

  test('answers an idempotency key with its completion, and another input with a conflict', async () => {
    const { store, newKey } = opened();
    const key = await newKey({ limits: { requestsPerMinute: 1 } });
    const first = await admitted(store, admissionOf(key, { idempotencyKey: 'a' }));
    expect(await store.completions.admit(admissionOf(key, { idempotencyKey: 'a' }))).toMatchObject({
      type: 'existing',
      completion: { id: first.id },
    });
    const other = admissionOf(key, { idempotencyKey: 'a', inputHash: Uint8Array.of(9) });
    expect(await store.completions.admit(other)).toEqual({ type: 'conflict' });
    const elsewhere = await newKey({ projectId: key.projectId });
    expect((await admitted(store, admissionOf(elsewhere, { idempotencyKey: 'a' }))).id).not.toBe(first.id);
  });

  test('admits one of many that come at once with one idempotency key', async () => {
    const { store, newKey } = opened();
    const key = await newKey();
    const outcomes = await Promise.all(
      Array.from({ length: 16 }, () => store.completions.admit(admissionOf(key, { idempotencyKey: 'same' }))),
    );
    expect(outcomes.filter(({ type }) => type === 'admitted')).toHaveLength(1);
    expect(outcomes.filter(({ type }) => type === 'existing')).toHaveLength(15);
    expect(new Set(outcomes.map((outcome) => 'completion' in outcome && outcome.completion.id)).size).toBe(1);
  });

  test('lets nothing in with a revoked or expired key, nor into an archived or another project', async () => {
    const { store, database, newKey, newProject } = opened();
    const inactive = { type: 'key-inactive' };
    const revoked = await newKey();
    await store.apiKeys.revoke(revoked.id, noon, auditOf('api-key.revoke'));
    expect(await store.completions.admit(admissionOf(revoked))).toEqual(inactive);
    const expired = await newKey({ expiresAt: noon });
    expect(await store.completions.admit(admissionOf(expired))).toEqual(inactive);
    expect((await store.completions.admit(admissionOf(expired, { at: after(noon, -1) }))).type).toBe('admitted');
    const archived = await newKey();
    await database.prisma.project.update({ where: { id: archived.projectId }, data: { archivedAt: noon } });
    expect(await store.completions.admit(admissionOf(archived))).toEqual(inactive);
    const stray = { ...(await newKey()), projectId: await newProject() };
    expect(await store.completions.admit(admissionOf(stray))).toEqual(inactive);
    expect(
      await store.completions.admit(admissionOf({ id: stray.projectId as never, projectId: stray.projectId })),
    ).toEqual(inactive);
  });

  test.each([
    ['requestsPerMinute', { requestsPerMinute: 7 }],
    ['concurrentCompletions', { concurrentCompletions: 7 }],
    ['tokensPerMinute', { tokensPerMinute: 7 * 30 + 29 }],
    ['tokensPerDay', { tokensPerDay: 7n * 30n + 29n }],
    ['tokensPerMonth', { tokensPerMonth: 7n * 30n + 29n }],
    ['costPerMonth', { costPerMonth: 7n * 130n + 129n }],
  ])(`admits exactly as many of ${concurrent} at once as %s leaves room for`, async (name, limits) => {
    const { store, newKey } = opened();
    const key = await newKey({ limits });
    const outcomes = await Promise.all(
      Array.from({ length: concurrent }, () => store.completions.admit(admissionOf(key))),
    );
    expect(outcomes.filter(({ type }) => type === 'admitted')).toHaveLength(7);
    const refusals = outcomes.flatMap((outcome) => (outcome.type === 'limited' ? [outcome.refusal] : []));
    expect(refusals).toHaveLength(concurrent - 7);
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ name, scope: 'API_KEY', neverFits: false });
      expect(refusal.retryAfterSeconds).toBeGreaterThanOrEqual(1);
    }
    const { rows } = await store.completions.list({ projectId: key.projectId }, { limit: 100, direction: 'forward' });
    expect(rows).toHaveLength(7);
  });

  test('holds the limits of the project over all of its keys', async () => {
    const { store, newKey, newProject } = opened();
    const projectId = await newProject({ tokensPerDay: 100n });
    const keys = [await newKey({ projectId }), await newKey({ projectId })];
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, (_, index) => store.completions.admit(admissionOf(keys[index % 2]!))),
    );
    expect(outcomes.filter(({ type }) => type === 'admitted')).toHaveLength(3);
    expect(await refused(store, admissionOf(keys[0]!))).toMatchObject({
      name: 'tokensPerDay',
      scope: 'PROJECT',
      limit: 100n,
      used: 90n,
      requested: 30n,
    });
  });

  test('counts the prompt once and maxTokens for every choice', async () => {
    const { store, newKey } = opened();
    const key = await newKey({ limits: { tokensPerDay: 1_000n, costPerMonth: 10_000n } });
    await admitted(store, admissionOf(key, { n: 3 }));
    expect(await store.usage.limits(key.id, noon)).toMatchObject([
      { name: 'tokensPerDay', used: 70n },
      { name: 'costPerMonth', used: 330n },
    ]);
  });

  test('lowers maxTokens to what every limit leaves where the caller named none, and refuses where not one token is left', async () => {
    const { store, newKey } = opened();
    const key = await newKey({ limits: { tokensPerDay: 60n, tokensPerMinute: 1_000, costPerMonth: 230n } });
    const lowerable = (n: number) => admissionOf(key, { n, maxTokensLowerable: true, maxTokens: 256 });
    // 50 tokens of the day and 200 nanos (40 tokens) of the month are left beside the prompt: 13 for each of three.
    expect((await admitted(store, lowerable(3))).maxTokens).toBe(13);
    const state = await store.usage.limits(key.id, noon);
    expect(state).toMatchObject([{ used: 49n }, { used: 49n }, { used: 225n }]);
    const refusal = await refused(store, lowerable(1));
    expect(refusal).toMatchObject({ requested: 35n, name: 'costPerMonth', used: 225n });
    expect(await store.usage.limits(key.id, noon)).toEqual(state);
  });
}
