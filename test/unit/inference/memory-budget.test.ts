import { expect, test } from 'vitest';
import { readMemoryBudget } from '../../../src/inference/memory-budget.ts';
import { neededBytes } from '../../../src/inference/memory-need.ts';
import { modelConfig } from '../../kit/models.ts';

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

test('a model needs its weights and the cache of all its sequences, for each replica', () => {
  const facts = {
    architecture: 'llama',
    parameters: 1,
    sizeBytes: 1_000_000_000,
    trainContextSize: 4096,
    vocabularySize: 32_000,
    hasChatTemplate: true,
    cacheBytesPerToken: 1_000,
  };
  const config = modelConfig({ name: 'm', path: '/m' }, { contextSize: 4_000, sequences: 5, replicas: 1 });
  const one = neededBytes(facts, config);
  expect(one).toBeGreaterThan(1_000_000_000 + 20_000_000);
  expect(one).toBeLessThan(1_200_000_000);
  expect(neededBytes(facts, { ...config, replicas: 3 })).toBe(3 * one);
});
