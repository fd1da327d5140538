import type { ModelFacts } from '../contracts/inference.ts';
import { bitsPerNumber } from './cache-type.ts';
import { isSlowerOnCpu } from './flash-attention.ts';
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

/** Without flash attention, the scores of a layer lie in memory, of every token of a step for every one before it. */
function scoreBytes({ attentionHeads, headSize }: ModelFacts, config: ModelConfig): number {
  const { flashAttention, cacheType, contextSize } = config;
  const mayBeOff = flashAttention === 'off' || (flashAttention === 'auto' && isSlowerOnCpu(headSize, cacheType));
  return mayBeOff ? attentionHeads * tokensPerStep(config) * contextSize * bytesOfScore : 0;
}
