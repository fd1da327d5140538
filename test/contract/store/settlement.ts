import { expect, test } from 'vitest';
import type { CompletionId } from '../../../src/contracts/ids.ts';
import { storeOver } from '../../../src/store/open.ts';
import {
  admissionOf,
  admitted,
  after,
  checkpointOf,
  noon,
  settlementOf,
  type TestStore,
  unbilled,
} from '../../kit/store.ts';

const everyLimit = {
  requestsPerMinute: 1_000,
  tokensPerMinute: 1_000_000,
  concurrentCompletions: 1_000,
  tokensPerDay: 1_000_000n,
  tokensPerMonth: 1_000_000n,
  costPerMonth: 1_000_000n,
};

export function settlementContract(opened: () => TestStore): void {
  test('writes the final completion and its one usage record', async () => {
    const { store, newKey } = opened();
    const key = await newKey();
    const { id } = await admitted(store, admissionOf(key, { user: 'ann' }));
    await store.completions.start(id, 1, after(noon, 2));
    const settlement = settlementOf(
      { id, createdAt: noon, epoch: 1 },
      { startedAt: after(noon, 2), firstTokenAt: after(noon, 2.5), finishedAt: after(noon, 4) },
    );
    const completion = await store.completions.finalise(settlement);
    expect(completion).toMatchObject({
      status: 'SUCCEEDED',
      choices: settlement.choices,
      usage: settlement.usage,
      cost: 70n,
      error: null,
      startedAt: after(noon, 2),
      firstTokenAt: after(noon, 2.5),
      finishedAt: after(noon, 4),
      lastSeq: 9,
      textIndex: settlement.textIndex,
    });
    expect(await store.completions.find([id])).toEqual([completion]);

    const [record] = await store.usage.findByCompletion([id]);
    expect(record).toEqual({
      id: record!.id,
      completionId: id,
      projectId: key.projectId,
      apiKeyId: key.id,
      model: 'starter',
      user: 'ann',
      status: 'SUCCEEDED',
      finishReason: 'STOP',
      errorCode: null,
      usage: settlement.usage,
      cost: 70n,
      price: { promptNanosPerToken: 3n, completionNanosPerToken: 5n },
      queueSeconds: 2,
      timeToFirstTokenSeconds: 2.5,
      durationSeconds: 4,
      tokensPerSecond: 4,
      createdAt: noon,
    });
    expect(await store.usage.findRecords([record!.id])).toEqual([record]);
  });

  test('the first ending wins, however often and by whom it is sent again', async () => {
    const { store, newKey } = opened();
    const key = await newKey({ limits: everyLimit });
    const completion = await admitted(store, admissionOf(key));
    const settlement = settlementOf(completion);
    const ended = await Promise.all(Array.from({ length: 8 }, () => store.completions.finalise(settlement)));
    const other = await store.completions.finalise(
      settlementOf(completion, { epoch: 5, status: 'FAILED', completionTokens: 20 }),
    );
    for (const each of [...ended, other]) expect(each).toEqual(ended[0]);
    const { rows } = await store.usage.records({ projectId: key.projectId }, { limit: 10, direction: 'forward' });
    expect(rows).toHaveLength(1);
    const state = Object.fromEntries((await store.usage.limits(key.id, noon)).map(({ name, used }) => [name, used]));
    expect(state).toEqual({
      requestsPerMinute: 1n,
      tokensPerMinute: 18n,
      concurrentCompletions: 0n,
      tokensPerDay: 18n,
      tokensPerMonth: 18n,
      costPerMonth: 70n,
    });
  });

  test('a producer with an older epoch ends nothing', async () => {
    const { store, newKey } = opened();
    const completion = await admitted(store, admissionOf(await newKey()));
    await store.completions.start(completion.id, 3, noon);
    const unchanged = await store.completions.finalise(settlementOf({ ...completion, epoch: 2 }));
    expect(unchanged).toMatchObject({ status: 'RUNNING', epoch: 3, cost: null });
    expect(await store.usage.findByCompletion([completion.id])).toEqual([]);
    expect(await store.completions.finalise(settlementOf({ ...completion, epoch: 3 }))).toMatchObject({
      status: 'SUCCEEDED',
    });
  });

  test('what never started is recorded unbilled, and leaves no reservation', async () => {
    const { store, newKey, newProject } = opened();
    const projectId = await newProject(everyLimit);
    const key = await newKey({ projectId, limits: everyLimit });
    const completion = await admitted(store, admissionOf(key));
    const error = { code: 'TIMEOUT', message: 'The deadline passed \u0000.', retryAfterSeconds: 3 } as const;
    const ended = await store.completions.finalise(
      settlementOf(completion, { ...unbilled, status: 'FAILED', error, finishedAt: after(noon, 7), choices: [] }),
    );
    expect(ended).toMatchObject({ status: 'FAILED', error, cost: 0n, startedAt: null });
    expect(await store.usage.findByCompletion([completion.id])).toMatchObject([
      {
        status: 'FAILED',
        errorCode: 'TIMEOUT',
        finishReason: null,
        cost: 0n,
        queueSeconds: 7,
        timeToFirstTokenSeconds: null,
        tokensPerSecond: null,
      },
    ]);
    const state = await store.usage.limits(key.id, after(noon, 7));
    expect(state).toHaveLength(12);
    for (const { name, used } of state) expect(used, name).toBe(0n);
  });

  test('content that is not to be kept is gone with the end, and only then', async () => {
    const { store, newKey } = opened();
    const completion = await admitted(store, admissionOf(await newKey(), { keepContent: false }));
    const [waiting] = await store.completions.find([completion.id]);
    expect(waiting?.request?.prompt).toBe('Once upon a time');
    const ended = await store.completions.finalise(settlementOf(completion));
    expect(ended).toMatchObject({
      request: null,
      choices: null,
      textIndex: null,
      cost: 70n,
      usage: { completionTokens: 8 },
    });
  });

  test('settles many at once to the exact sum', async () => {
    const { store, newKey, newProject } = opened();
    const projectId = await newProject(everyLimit);
    const keys = [await newKey({ projectId, limits: everyLimit }), await newKey({ projectId, limits: everyLimit })];
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const completion = await admitted(store, admissionOf(keys[index % 2]!));
        await store.completions.finalise(settlementOf(completion, { completionTokens: index % 20 }));
      }),
    );
    // Prompts 40 × 10; completions twice 0 to 19, the even ones by the first key.
    const state = (await store.usage.limits(keys[0]!.id, noon)).map(({ scope, name, used }) => [
      `${scope} ${name}`,
      used,
    ]);
    expect(Object.fromEntries(state)).toMatchObject({
      'PROJECT tokensPerDay': 780n,
      'PROJECT tokensPerMinute': 780n,
      'PROJECT costPerMonth': 3n * 400n + 5n * 380n,
      'PROJECT concurrentCompletions': 0n,
      'API_KEY tokensPerMonth': 380n,
      'API_KEY tokensPerMinute': 380n,
    });
  });

  test('many that start, end and are checkpointed at the same time, from two processes, do not wait for each other in a circle', async () => {
    const { store, database, newKey } = opened();
    const stores = [store, storeOver(database)];
    const keys = await Promise.all(Array.from({ length: 8 }, () => newKey({ limits: everyLimit })));
    for (let round = 0; round < 2; round++) {
      const admissions = Array.from({ length: 96 }, (_, i) =>
        stores[i % 2]!.completions.admit(admissionOf(keys[i % 8]!)),
      );
      const ids = (await Promise.all(admissions)).flatMap((each) =>
        each.type === 'admitted' ? [each.completion.id] : [],
      );
      const shuffled = [...ids].sort((a, b) => (a.slice(-4) < b.slice(-4) ? -1 : 1));
      const checkpoints = async () => {
        for (const order of [ids, [...ids].reverse(), shuffled]) {
          await Promise.all(
            stores.map(({ completions }, i) =>
              completions.checkpoint(
                (i === 0 ? order : [...order].reverse()).map((id) => checkpointOf(id)),
                { until: after(noon, 60), waiting: shuffled },
              ),
            ),
          );
        }
      };
      await Promise.all([
        checkpoints(),
        ...shuffled.map((id, i) => stores[i % 2]!.completions.start(id, 1, noon)),
        ...keys.map((key) => stores[round % 2]!.completions.admit(admissionOf(key))),
      ]);
      const endings = [shuffled, [...shuffled].reverse()].map((order, i) =>
        Promise.all(
          order.map((id) => stores[i]!.completions.finalise(settlementOf({ id, createdAt: noon, epoch: 1 }))),
        ),
      );
      const [ended] = await Promise.all([...endings, checkpoints()]);
      expect(ended!.every(({ status }) => status === 'SUCCEEDED')).toBe(true);
    }
    for (const key of keys) {
      const limits = await store.usage.limits(key.id, noon);
      // Beside the endings (18 tokens each) those that were admitted while the others started, which are still there.
      expect(limits.find(({ name }) => name === 'tokensPerDay')).toMatchObject({ used: 2n * (12n * 18n + 30n) });
    }
  });

  test('ending a completion that does not exist is a bug, not an outage', async () => {
    const { store } = opened();
    const unknown = { id: '018f0000-0000-7000-8000-000000000000' as CompletionId, createdAt: noon, epoch: 0 };
    await expect(store.completions.finalise(settlementOf(unknown))).rejects.toThrow('there is no completion');
  });
}
