import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBatcher } from '../../../src/lib/batcher.ts';

interface Call {
  readonly items: readonly number[];
  readonly answer: () => void;
  readonly fail: (error: Error) => void;
}

function open(options: { underWay?: number; most?: number; concernsAll?: (error: unknown) => boolean } = {}) {
  const calls: Call[] = [];
  const run = (items: readonly number[]) =>
    new Promise<readonly number[]>((resolve, reject) => {
      calls.push({ items, answer: () => resolve(items.map((item) => item * 10)), fail: reject });
    });
  const ask = createBatcher(run, { underWay: 1, most: 100, concernsAll: () => false, ...options });
  return { ask, calls, items: () => calls.map(({ items }) => items) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a batcher', () => {
  it('runs the first item at once and alone, and what comes meanwhile together', async () => {
    const { ask, calls, items } = open();
    const results = [1, 2, 3].map(ask);
    expect(items()).toEqual([[1]]);
    calls[0]!.answer();
    expect(await results[0]).toBe(10);
    await turn();
    expect(items()).toEqual([[1], [2, 3]]);
    calls[1]!.answer();
    expect(await Promise.all(results)).toEqual([10, 20, 30]);
  });

  it('has no more than so many batches under way, none larger than allowed', async () => {
    const { ask, calls, items } = open({ underWay: 2, most: 2 });
    const results = [1, 2, 3, 4, 5].map(ask);
    expect(items()).toEqual([[1], [2]]);
    calls[1]!.answer();
    await turn();
    expect(items()).toEqual([[1], [2], [3, 4]]);
    calls[0]!.answer();
    await turn();
    expect(items().at(-1)).toEqual([5]);
    for (const { answer } of calls) answer();
    expect(await Promise.all(results)).toEqual([10, 20, 30, 40, 50]);
  });

  it('lets no item fail for another: each is run again alone', async () => {
    const { ask, calls, items } = open();
    const results = Promise.allSettled([1, 2, 3].map(ask));
    calls[0]!.answer();
    await turn();
    calls[1]!.fail(new Error('one of them is bad'));
    await turn();
    expect(items()).toEqual([[1], [2, 3], [2], [3]]);
    calls[2]!.fail(new Error('this one'));
    calls[3]!.answer();
    expect(await results).toEqual([
      { status: 'fulfilled', value: 10 },
      { status: 'rejected', reason: new Error('this one') },
      { status: 'fulfilled', value: 30 },
    ]);
  });

  it('lets all fail at once where the failure concerns all, and goes on with what came meanwhile', async () => {
    const { ask, calls, items } = open({ concernsAll: () => true });
    const results = Promise.allSettled([1, 2, 3].map(ask));
    calls[0]!.answer();
    await turn();
    const later = ask(4);
    calls[1]!.fail(new Error('away'));
    expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    await turn();
    expect(items().at(-1)).toEqual([4]);
    calls.at(-1)!.answer();
    expect(await later).toBe(40);
  });

  it('answers every item once with its own result, whatever comes when', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(3), { maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 5 }),
        async (pauses, underWay, most) => {
          let running = 0;
          const run = async (items: readonly number[]) => {
            running += 1;
            expect(running).toBeLessThanOrEqual(underWay);
            expect(items.length).toBeLessThanOrEqual(most);
            await turn();
            running -= 1;
            return items.map((item) => item * 10);
          };
          const ask = createBatcher(run, { underWay, most, concernsAll: () => false });
          const results: Promise<number>[] = [];
          for (const [i, pause] of pauses.entries()) {
            results.push(ask(i));
            for (let waited = 0; waited < pause; waited++) await turn();
          }
          expect(await Promise.all(results)).toEqual(pauses.map((_, i) => i * 10));
        },
      ),
      { numRuns: 50 },
    );
  });
});
