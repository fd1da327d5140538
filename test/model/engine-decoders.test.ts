import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { ProjectId } from '../../src/contracts/ids.ts';
import { createDecodeLoop } from '../../src/inference/child/decode-loop.ts';
import { openEngine } from '../../src/inference/llama/open-engine.ts';
import type { ChoicePiece, ChoiceSampling } from '../../src/inference/protocol.ts';
import { modelsAtHand } from '../kit/models.ts';
import { greedyChoice } from '../kit/sampling.ts';

/** Runs several prompts at once, then again on what the first round left in the sequences. */
async function textsOf(modelPath: string, way: 'fastest' | 'public'): Promise<string[]> {
  const settings = { modelPath, contextSize: 256, sequences: 3, threads: 1, gpuLayers: 0 };
  const { decoder, vocabulary } = await openEngine(settings, () => {}, way);
  const texts: string[] = [];
  const ended = new Map<number, (problem?: string) => void>();
  const loop = createDecodeLoop(decoder, vocabulary, {
    started: () => {},
    piece(piece: ChoicePiece) {
      texts[piece.requestId] = (texts[piece.requestId] ?? '') + piece.text;
      if (piece.finishReason !== undefined) ended.get(piece.requestId)?.();
    },
    failed: (requestId, message) => ended.get(requestId)?.(message),
  });
  const run = (requestId: number, promptTokens: number[], changes: Partial<ChoiceSampling> = {}) =>
    new Promise<void>((resolve, reject) => {
      ended.set(requestId, (problem) => (problem === undefined ? resolve() : reject(new Error(problem))));
      const cacheScope = 'project' as ProjectId;
      loop.generate({
        requestId,
        promptTokens,
        maxTokens: 40,
        stop: [],
        cacheScope,
        sampling: { ...greedyChoice, ...changes },
      });
    });
  const prompts = [
    [1, 300, 301, 302, 303],
    [1, 310, 311],
    [1, 320, 321, 322, 323, 324, 325],
  ];
  await Promise.all(prompts.map((prompt, index) => run(index, prompt)));
  await Promise.all(prompts.map((prompt, index) => run(3 + index, [...prompt, 330, 331])));
  await run(6, prompts[0]!, { frequencyPenalty: 1, presencePenalty: 1, repeatPenalty: 1.2 });
  await run(7, prompts[0]!, { logitBias: [[300, 6]], topK: 4, topP: 0.9, minP: 0.1 });
  return texts;
}

for (const model of modelsAtHand()) {
  describe(`decoders with ${model.name}`, () => {
    it('finds the private entries of the pinned library, and decodes the same greedy tokens through its public API', async () => {
      const native = await textsOf(model.path, 'fastest');
      const open = await textsOf(model.path, 'public');
      expect(native).toHaveLength(8);
      expect(new Set(native).size).toBeGreaterThan(4);
      expect(open).toEqual(native);
    });

    it('keeps what it evaluated while memory is being collected', async () => {
      setFlagsFromString('--expose-gc');
      const collectGarbage = runInNewContext('gc') as () => void;
      const settings = { modelPath: model.path, contextSize: 256, sequences: 3, threads: 1, gpuLayers: 0 };
      const { decoder } = await openEngine(settings, () => {});
      using sampler = decoder.sampler(greedyChoice);
      const answer = async (sequence: number, betweenSteps: () => Promise<void>) => {
        const tokens = [1, 300, 301, 302];
        for (let position = 0; tokens.length < 20; ) {
          const [token] = await decoder.step([{ sequence, position, tokens: tokens.slice(position), sampler }]);
          position = tokens.length;
          tokens.push(token!);
          await betweenSteps();
        }
        return tokens;
      };
      const undisturbed = await answer(0, async () => {});
      const disturbed = await answer(1, async () => {
        collectGarbage();
        await nextTurn();
      });
      expect(disturbed).toEqual(undisturbed);
    });
  });
}
