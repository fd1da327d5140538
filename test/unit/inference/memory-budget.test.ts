import { expect, test } from 'vitest';
import type { Device } from '../../../src/inference/device/device.ts';
import { type BudgetSources, readMemoryBudget } from '../../../src/inference/memory-budget.ts';

const gibibyte = 2 ** 30;

/** A machine with so much memory, and GPUs of these sizes. */
function machine(mainGibibytes: number, gpuGibibytes: readonly number[] = [], unifiedGibibytes = 0) {
  const gpu = (gibibytes: number): Device => ({
    type: 'gpu',
    count: 1,
    totalBytes: gibibytes * gibibyte,
    unifiedBytes: unifiedGibibytes * gibibyte,
  });
  const all = gpuGibibytes.reduce((sum, size) => sum + size, 0);
  return (changes: Partial<BudgetSources> = {}) =>
    readMemoryBudget({
      configuredBytes: undefined,
      dealt: [],
      anyGpu: true,
      async device(index) {
        const gibibytes = index === undefined ? all : (gpuGibibytes[index] ?? 0);
        return gibibytes === 0 ? { type: 'none' } : gpu(gibibytes);
      },
      mainMemoryBytes: mainGibibytes * gibibyte,
      ...changes,
    });
}

test('the configured limit holds for everything, and no device is looked at for it', async () => {
  const device = () => Promise.reject(new Error('looked'));
  const budget = await machine(64)({ configuredBytes: 5, device });
  expect(budget).toMatchObject({ bytes: 5, limit: 'limit', gpus: [], main: [] });
  expect([...budget.capacities]).toEqual([['limit', 5]]);
});

test('under a configured limit, a GPU that replicas are dealt to still holds no more than it has', async () => {
  const budget = await machine(64, [100, 50])({ configuredBytes: 500 * gibibyte, dealt: [1], anyGpu: false });
  expect([...budget.capacities]).toEqual([
    ['GPU 1', 47 * gibibyte],
    ['limit', 500 * gibibyte],
  ]);
  expect([budget.bytes, budget.gpu(1), budget.gpu(0)]).toEqual([500 * gibibyte, 'GPU 1', undefined]);
});

test('without a GPU it is main memory less a reserve, which takes no more than half', async () => {
  expect((await machine(100)()).bytes).toBe(85 * gibibyte);
  expect((await machine(4)()).bytes).toBe(3 * gibibyte);
  expect(await machine(1)()).toMatchObject({ bytes: gibibyte / 2, gpus: [], main: ['main memory'] });
});

test('with GPUs it is each that replicas are dealt to, the others together, and main memory', async () => {
  const budget = await machine(100, [100, 50, 50])({ dealt: [1, 0] });
  expect([...budget.capacities]).toEqual([
    ['GPU 1', 47 * gibibyte],
    ['GPU 0', 94 * gibibyte],
    ['other GPUs', 47 * gibibyte],
    ['main memory', 85 * gibibyte],
  ]);
  expect(budget.gpus).toEqual(['GPU 1', 'GPU 0', 'other GPUs']);
  expect(budget.main).toEqual(['main memory']);
});

test('a GPU that is not there holds nothing', async () => {
  const budget = await machine(100, [100])({ dealt: [0, 7], anyGpu: false });
  expect([...budget.capacities.keys()]).toEqual(['GPU 0', 'main memory']);
  expect([budget.gpu(0), budget.gpu(7), budget.gpus]).toEqual(['GPU 0', undefined, []]);
});

test('memory that is the GPU’s and the machine’s counts once, and holds both', async () => {
  const budget = await machine(100, [80], 80)();
  expect([...budget.capacities]).toEqual([
    ['other GPUs', Math.floor(75.2 * gibibyte)],
    ['main memory', 5 * gibibyte],
  ]);
  expect(budget.main).toEqual(['other GPUs', 'main memory']);
});
