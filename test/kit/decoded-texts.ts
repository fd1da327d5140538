import type { ProjectId } from '../../src/contracts/ids.ts';
import { createDecodeLoop } from '../../src/inference/child/decode-loop.ts';
import type { OpenEngine } from '../../src/inference/llama/open-engine.ts';
import type { ChoicePiece, ChoiceSampling } from '../../src/inference/protocol.ts';
import { greedyChoice } from './sampling.ts';

/** What an engine with three sequences says to several prompts at once, to prompts that go on from what these left, and to some that share most. */
export async function decodedTexts({ decoder, vocabulary }: Omit<OpenEngine, 'facts'>): Promise<string[]> {
  const texts: string[] = [];
  const ended = new Map<number, (problem?: string) => void>();
  const loop = createDecodeLoop(decoder, vocabulary, {
    started: () => {},
    piece(piece: ChoicePiece) {
      texts[piece.requestId] = (texts[piece.requestId] ?? '') + piece.text;
      if (piece.finishReason !== undefined) ended.get(piece.requestId)?.();
    },
    failed: (requestId, message) => ended.get(requestId)?.(message),
    copyFailed(message) {
      throw new Error(message);
    },
    broke(message) {
      for (const end of ended.values()) end(message);
    },
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
  const shared = [1, ...Array.from({ length: 63 }, (_, i) => 340 + i)];
  await Promise.all([330, 331, 332].map((word, index) => run(8 + index, [...shared, word])));
  await run(6, prompts[0]!, { frequencyPenalty: 1, presencePenalty: 1, repeatPenalty: 1.2 });
  await run(7, prompts[0]!, { logitBias: [[300, 6]], topK: 4, topP: 0.9, minP: 0.1 });
  return texts;
}
