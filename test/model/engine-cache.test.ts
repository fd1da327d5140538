import { describe, expect, it } from 'vitest';
import { cacheTypes, needsFlashAttention } from '../../src/inference/cache-type.ts';
import type { ModelConfig } from '../../src/inference/model-config.ts';
import { generate, job } from '../kit/generate.ts';
import { modelConfig, modelsAtHand, openInference } from '../kit/models.ts';
import { askApart, askTogether, sharedTokens } from '../kit/shared-prompt.ts';

const [model] = modelsAtHand();

describe.skipIf(model === undefined)('the KV cache of an engine', () => {
  const config = modelConfig(model!, { contextSize: 256, sequences: 2, gpuLayers: 0 });

  async function answer(changes: Partial<ModelConfig>) {
    await using inference = openInference([{ ...config, ...changes }]);
    const { tokens } = await inference.tokenize(config.name, { type: 'text', text: 'Once upon a time' });
    const { text, usage } = await generate(inference, job(config.name, tokens, { maxTokens: 24 }));
    const [{ reservedBytes, replicas }] = inference.pool().models as [ReturnType<typeof inference.pool>['models'][0]];
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

  it.each(cacheTypes.filter((type) => !needsFlashAttention(type)))(
    'gives in %s the same likeliest tokens with flash attention and without',
    async (cacheType) => {
      const off = await answer({ cacheType, flashAttention: 'off' });
      expect(off.engine).toMatchObject({ cacheType: cacheType.toUpperCase(), flashAttention: false });
      expect(off.text).toBe((await answer({ cacheType, flashAttention: 'on' })).text);
    },
  );

  it.each([
    { cacheType: 'f16', flashAttention: 'off' },
    { cacheType: 'f16', flashAttention: 'on' },
    { cacheType: 'q8_0', flashAttention: 'on' },
  ] as const)('is given to other prompts, whatever it is made of: %j', async (changes) => {
    await using inference = openInference([{ ...config, ...changes }]);
    const together = await askTogether(inference, config.name);
    expect(together.map(({ usage }) => usage.cachedPromptTokens)).toEqual([0, sharedTokens.length]);
    const apart = await askApart(inference, config.name);
    expect(apart.map(({ usage }) => usage.cachedPromptTokens)).toEqual([0, 0]);
    expect(together.map(({ text }) => text)).toEqual(apart.map(({ text }) => text));
  });

  it('takes in q8_0 what the estimate says less than in f16, measured', async () => {
    const large = { contextSize: 16_384, sequences: 4, flashAttention: 'on' } as const;
    const f16 = await answer({ ...large, cacheType: 'f16' });
    const q8 = await answer({ ...large, cacheType: 'q8_0' });
    const estimated = f16.reservedBytes - q8.reservedBytes;
    const measured = f16.engine.memoryBytes - q8.engine.memoryBytes;
    expect(estimated).toBeGreaterThan(50_000_000);
    expect(measured / estimated).toBeGreaterThan(0.8);
    expect(measured / estimated).toBeLessThan(1.2);
  });

  it('in a type that only flash attention reads makes its model FAILED without, with the reason', async () => {
    await using inference = openInference([{ ...config, cacheType: 'q8_0', flashAttention: 'off' }]);
    const { tokens } = await inference.tokenize(config.name, { type: 'text', text: 'Once upon a time' });
    await expect(generate(inference, job(config.name, tokens))).rejects.toMatchObject({
      code: 'MODEL_UNAVAILABLE',
      message: expect.stringContaining('quantized V cache requires flash_attn'),
    });
  });
});
