import { describe, expect, it } from 'vitest';
import type { ProjectId } from '../../src/contracts/ids.ts';
import { createDecodeLoop } from '../../src/inference/child/decode-loop.ts';
import type { Decoder } from '../../src/inference/child/decoder.ts';
import { openEngine } from '../../src/inference/llama/open-engine.ts';
import { generate, job } from '../kit/generate.ts';
import { modelConfig, modelsAtHand, openInference } from '../kit/models.ts';
import { greedy, greedyChoice } from '../kit/sampling.ts';

const promptTokens = [1, ...Array.from({ length: 47 }, (_, i) => 300 + i)];
const maxTokens = 6;
const cacheScope = 'project' as ProjectId;

for (const model of modelsAtHand()) {
  describe(`choices of one prompt with ${model.name}`, () => {
    const settings = { contextSize: 128, sequences: 2, threads: 1, gpuLayers: 0 };

    it.each(['fastest', 'public'] as const)('evaluate it once for all of them (decoder: %s)', async (way) => {
      const { decoder, vocabulary } = await openEngine({ modelPath: model.path, ...settings }, () => {}, { way });
      const counted = countPrompts(decoder);
      const cached: number[] = [];
      const texts: string[] = [];
      let open = 5;
      await new Promise<void>((resolve, reject) => {
        const loop = createDecodeLoop(counted.decoder, vocabulary, {
          started: (_requestId, tokens) => cached.push(tokens),
          piece({ requestId, text, finishReason }) {
            texts[requestId] = (texts[requestId] ?? '') + text;
            if (finishReason !== undefined && --open === 0) resolve();
          },
          failed: (_requestId, message) => reject(new Error(message)),
          copyFailed: (message) => reject(new Error(message)),
          broke: (message) => reject(new Error(message)),
        });
        for (let requestId = 0; requestId < 5; requestId++) {
          loop.generate({ requestId, promptTokens, maxTokens, stop: [], cacheScope, sampling: greedyChoice });
        }
      });
      const allButOne = promptTokens.length - 1;
      expect(cached).toEqual([0, allButOne, allButOne, allButOne, allButOne]);
      expect(counted.promptTokens()).toBe(promptTokens.length + 4);
      expect(texts[0]).not.toBe('');
      expect(new Set(texts).size).toBe(1);
    });

    it('evaluate it each where nothing can be written down for the others, which is said once', async () => {
      const nowhere = '/there/is/no/such/folder';
      await using inference = openInference([modelConfig(model, settings)], {
        environment: { ...process.env, TMPDIR: nowhere },
      });
      const work = (n: number, cacheScope: string) =>
        job(model.name, promptTokens, { n, maxTokens, cacheScope: cacheScope as ProjectId });
      const alone = await generate(inference, work(1, 'one'));
      for (const scope of ['two', 'three']) {
        const { choices } = await generate(inference, work(2, scope));
        const textOf = (wanted: number) =>
          choices.flatMap(({ index, text }) => (index === wanted ? text : [])).join('');
        expect([textOf(0), textOf(1)]).toEqual([alone.text, alone.text]);
      }
      const warnings = inference.logged.filter(({ level }) => level === 'warn').map(({ message }) => message);
      expect(warnings).toEqual([expect.stringContaining(`cannot be copied through ${nowhere} (ENOENT`)]);
    });

    it('are counted once: as cached is what the first of them found', async () => {
      await using inference = openInference([modelConfig(model, settings)]);
      const sampling = { ...greedy, temperature: 1, seed: 3 };
      const run = async (n: number) =>
        (await generate(inference, job(model.name, promptTokens, { n, maxTokens, cacheScope, sampling }))).usage;
      const prompt = promptTokens.length;
      expect(await run(5)).toMatchObject({ promptTokens: prompt, cachedPromptTokens: 0 });
      expect(await run(5)).toMatchObject({ promptTokens: prompt, cachedPromptTokens: prompt - 1 });
    });
  });
}

/** Counts the tokens that are evaluated without having been sampled just before. */
function countPrompts(decoder: Decoder) {
  const lastSampled: (number | undefined)[] = [];
  let count = 0;
  const counting: Decoder = {
    ...decoder,
    async step(entries) {
      for (const { sequence, tokens } of entries) if (tokens[0] !== lastSampled[sequence]) count += tokens.length;
      const sampled = await decoder.step(entries);
      for (const [index, { sequence }] of entries.entries()) lastSampled[sequence] = sampled[index];
      return sampled;
    },
  };
  return { decoder: counting, promptTokens: () => count };
}
