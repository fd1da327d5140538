import { expect, test } from 'vitest';
import { readMemoryBudget } from '../../../src/inference/memory-budget.ts';

const gibibyte = 2 ** 30;

test('the configured limit holds, and no device is looked at for it', async () => {
  const device = () => Promise.reject(new Error('looked'));
  const budget = await readMemoryBudget({ configuredBytes: 5, device, mainMemoryBytes: 64 * gibibyte });
  expect(budget).toEqual({ bytes: 5, largestBytes: 5 });
});

test('without a GPU it is main memory less a reserve, which takes no more than half', async () => {
  const read = (mainMemoryBytes: number) =>
    readMemoryBudget({ configuredBytes: undefined, device: async () => ({ type: 'none' }), mainMemoryBytes });
  expect((await read(100 * gibibyte)).bytes).toBe(85 * gibibyte);
  expect((await read(4 * gibibyte)).bytes).toBe(3 * gibibyte);
  expect(await read(gibibyte)).toEqual({ bytes: gibibyte / 2, largestBytes: gibibyte / 2 });
});

test('with a GPU it is its memory, and a model alone may lie partly in main memory, which counts once', async () => {
  const read = (unifiedBytes: number) =>
    readMemoryBudget({
      configuredBytes: undefined,
      device: async () => ({ type: 'gpu', totalBytes: 100 * gibibyte, unifiedBytes }),
      mainMemoryBytes: 100 * gibibyte,
    });
  expect(await read(0)).toEqual({ bytes: 94 * gibibyte, largestBytes: 179 * gibibyte });
  expect(await read(100 * gibibyte)).toEqual({ bytes: 94 * gibibyte, largestBytes: 94 * gibibyte });
});
