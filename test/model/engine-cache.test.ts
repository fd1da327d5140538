import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CacheType, cacheTypes, needsFlashAttention } from '../../src/inference/cache-type.ts';
import type { LocalInference } from '../../src/inference/create-inference.ts';
import type { ModelConfig } from '../../src/inference/model-config.ts';
import { generate, job } from '../kit/generate.ts';
import { modelConfig, modelsAtHand, openInference } from '../kit/models.ts';
import { askApart, askTogether, sharedTokens } from '../kit/shared-prompt.ts';

const [model] = modelsAtHand();

describe.skipIf(model === undefined)('the KV cache of an engine', () => {
  const config = modelConfig(model!, { contextSize: 256, sequences: 2, gpuLayers: 0 });
  type Cache = Partial<Pick<ModelConfig, 'cacheType' | 'flashAttention' | 'contextSize' | 'sequences'>>;
  const nameOf = (cache: Cache) => JSON.stringify(cache);
  const withAttention = (flashAttention: 'on' | 'off') => (cacheType: CacheType) => ({ cacheType, flashAttention });
  const plain = cacheTypes.map((cacheType) => ({ cacheType }));
  const unquantized = cacheTypes.filter((type) => !needsFlashAttention(type));
  const copied = [withAttention('off')('f16'), withAttention('on')('f16'), withAttention('on')('q8_0')];
  const large = (cacheType: CacheType) => ({ ...withAttention('on')(cacheType), contextSize: 16_384, sequences: 4 });
  const impossible = withAttention('off')('q8_0');
  const caches: readonly Cache[] = [
    ...plain,
    ...unquantized.flatMap((type) => [withAttention('on')(type), withAttention('off')(type)]),
    withAttention('on')('q8_0'),
    large('f16'),
    large('q8_0'),
    impossible,
  ];

  // One pool for all: each model is loaded by the first test that asks it.
  let inference: LocalInference;
  let promptTokens: readonly number[];
  beforeAll(async () => {
    inference = openInference(caches.map((cache) => ({ ...config, ...cache, name: nameOf(cache) })));
    promptTokens = (await inference.tokenize(nameOf(caches[0]!), { type: 'text', text: 'Once upon a time' })).tokens;
  });
  afterAll(() => inference[Symbol.asyncDispose]());

  async function answer(cache: Cache) {
    const name = nameOf(cache);
    const { text, usage } = await generate(inference, job(name, promptTokens, { maxTokens: 24 }));
    const { reservedBytes, replicas } = inference.pool().models.find((pooled) => pooled.name === name)!;
    return { text, usage, reservedBytes, engine: replicas[0]!.engine! };
  }

  it.each(cacheTypes)('is of the type %s where the model asks for it, says so, and answers', async (cacheType) => {
    const { text, usage, engine } = await answer({ cacheType });
    // The starter's heads are small: the CPU gains nothing by it.
    expect(engine).toMatchObject({
      cacheType: cacheType.toUpperCase(),
      flashAttention: needsFlashAttention(cacheType),
    });
    expect(usage.completionTokens).toBe(24);
    expect(text).toMatch(/^[ \w,.]+/u);
  });

  it.each(unquantized)('gives in %s the same likeliest tokens with flash attention and without', async (cacheType) => {
    const off = await answer(withAttention('off')(cacheType));
    expect(off.engine).toMatchObject({ cacheType: cacheType.toUpperCase(), flashAttention: false });
    expect(off.text).toBe((await answer(withAttention('on')(cacheType))).text);
  });

  it.each(copied)('is given to other prompts, whatever it is made of: %j', async (cache) => {
    const name = nameOf(cache);
    const together = await askTogether(inference, name);
    expect(together.map(({ usage }) => usage.cachedPromptTokens)).toEqual([0, sharedTokens.length]);
    const apart = await askApart(inference, name);
    expect(apart.map(({ usage }) => usage.cachedPromptTokens)).toEqual([0, 0]);
    expect(together.map(({ text }) => text)).toEqual(apart.map(({ text }) => text));
  });

  it('takes in q8_0 what the estimate says less than in f16, measured', async () => {
    const f16 = await answer(large('f16'));
    const q8 = await answer(large('q8_0'));
    const estimated = f16.reservedBytes - q8.reservedBytes;
    const measured = f16.engine.memoryBytes - q8.engine.memoryBytes;
    expect(estimated).toBeGreaterThan(50_000_000);
    expect(measured / estimated).toBeGreaterThan(0.8);
    expect(measured / estimated).toBeLessThan(1.2);
  });

  it('in a type that only flash attention reads makes its model FAILED without, with the reason', async () => {
    await expect(generate(inference, job(nameOf(impossible), promptTokens))).rejects.toMatchObject({
      code: 'MODEL_UNAVAILABLE',
      message: expect.stringContaining('quantized V cache requires flash_attn'),
    });
  });
});
