import { expect, test } from 'vitest';
import { replicaBytes } from '../../../src/inference/memory-need.ts';
import type { ModelConfig } from '../../../src/inference/model-config.ts';
import { modelConfig } from '../../kit/models.ts';

const facts = {
  architecture: 'llama',
  parameters: 1,
  sizeBytes: 1_000_000_000,
  trainContextSize: 4096,
  vocabularySize: 32_000,
  hasChatTemplate: true,
  cacheBytesPerToken: 1_000,
  attentionHeads: 32,
  headSize: 128,
};
const config = modelConfig({ name: 'm', path: '/m' }, { contextSize: 4_000, sequences: 5 });
const cachedTokens = 4_000 * 5;

test('a replica needs its weights and the cache of all its sequences', () => {
  const one = replicaBytes(facts, config);
  expect(one).toBeGreaterThan(1_000_000_000 + 20_000_000);
  expect(one).toBeLessThan(1_200_000_000);
});

test('the logits of every token of a step lie in memory, and those of each sequence beside them', () => {
  const more = replicaBytes({ ...facts, vocabularySize: 152_000 }, config) - replicaBytes(facts, config);
  expect(more).toBe(120_000 * (512 + 5) * 4);
});

test('the cache counts with the size of its numbers', () => {
  const f16 = replicaBytes(facts, config);
  expect(replicaBytes(facts, { ...config, cacheType: 'f32' }) - f16).toBe(cachedTokens * 1_000);
  expect(replicaBytes(facts, { ...config, cacheType: 'bf16' })).toBe(f16);
  expect(f16 - replicaBytes(facts, { ...config, cacheType: 'q8_0' })).toBe((cachedTokens * 1_000 * 7.5) / 16);
  expect(f16 - replicaBytes(facts, { ...config, cacheType: 'q4_0' })).toBe((cachedTokens * 1_000 * 11.5) / 16);
});

test('without flash attention the scores of a step of all heads lie in memory', () => {
  const off = replicaBytes(facts, { ...config, flashAttention: 'off' });
  expect(off - replicaBytes(facts, { ...config, flashAttention: 'on' })).toBe(32 * 512 * 4_000 * 4);
});

test('left to the device, flash attention counts as off where the CPU would not gain by it', () => {
  const needed = (headSize: number, changes: Partial<ModelConfig>) =>
    replicaBytes({ ...facts, headSize }, { ...config, flashAttention: 'auto', ...changes });
  expect(needed(64, {})).toBe(needed(64, { flashAttention: 'on' }));
  expect(needed(32, {})).toBe(needed(32, { flashAttention: 'off' }));
  expect(needed(32, { cacheType: 'q8_0' })).toBe(needed(32, { cacheType: 'q8_0', flashAttention: 'on' }));
});
