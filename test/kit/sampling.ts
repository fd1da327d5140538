import type { Sampling } from '../../src/contracts/inference.ts';
import type { ChoiceSampling } from '../../src/inference/protocol.ts';

/** Always the likeliest token, and nothing else that would change it. */
export const greedy: Sampling = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  seed: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  repeatPenalty: 1,
  logitBias: new Map(),
};

/** The same, as an engine is told. */
export const greedyChoice: ChoiceSampling = { ...greedy, logitBias: [] };
