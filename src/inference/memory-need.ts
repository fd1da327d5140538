import type { ModelFacts } from '../contracts/inference.ts';
import { bitsPerNumber } from './cache-type.ts';
import type { ModelConfig } from './model-config.ts';
import { tokensPerStep } from './step-size.ts';

/** What a process takes beside the weights and the cache: itself, and what it computes in. */
const overheadBytes = 96 * 2 ** 20;
const bytesOfScore = 4;

/**
 * What a replica takes in memory: the weights (as large as the file) and the KV cache of all its sequences. An upper bound: replicas
 * on the CPU share the pages of the file, and models that attend to a window keep less.
 */
export function replicaBytes(facts: ModelFacts, config: ModelConfig): number {
  const { contextSize, sequences, cacheType } = config;
  const cachedBytes =
    facts.cacheBytesPerToken * contextSize * sequences * (bitsPerNumber[cacheType] / bitsPerNumber.f16);
  return Math.ceil(facts.sizeBytes + cachedBytes + scoreBytes(facts, config) + overheadBytes);
}

/** Without flash attention, the scores of a layer lie in memory, of every token of a step for every one before it. `auto` counts as on. */
function scoreBytes({ attentionHeads }: ModelFacts, config: ModelConfig): number {
  if (config.flashAttention !== 'off') return 0;
  return attentionHeads * tokensPerStep(config) * config.contextSize * bytesOfScore;
}
