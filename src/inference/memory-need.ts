import type { ModelFacts } from '../contracts/inference.ts';
import { bitsPerNumber } from './cache-type.ts';
import { isSlowerOnCpu } from './flash-attention.ts';
import type { ModelConfig } from './model-config.ts';
import { tokensPerStep } from './step-size.ts';

/** What a process takes beside the weights and the cache: itself, and what it computes in. */
const overheadBytes = 96 * 2 ** 20;
const bytesOfFloat = 4;

/**
 * What a replica takes in memory: the weights (as large as the file), the KV cache of all its sequences, and what a step computes. An
 * upper bound: replicas on the CPU share the pages of the file, and models that attend to a window keep less.
 */
export function replicaBytes(facts: ModelFacts, config: ModelConfig): number {
  const { contextSize, sequences, cacheType } = config;
  const cachedBytes =
    facts.cacheBytesPerToken * contextSize * sequences * (bitsPerNumber[cacheType] / bitsPerNumber.f16);
  return Math.ceil(
    facts.sizeBytes + cachedBytes + scoreBytes(facts, config) + logitBytes(facts, config) + overheadBytes,
  );
}

/**
 * llama.cpp reserves its graph as if every token of a step were an output (`sched_reserve` in llama-context.cpp: `n_outputs_pp`, as we leave
 * `n_outputs_max` at the size of a batch), and beside it room for what each sequence hands out (`output_reserve`).
 */
function logitBytes({ vocabularySize }: ModelFacts, config: ModelConfig): number {
  return (tokensPerStep(config) + config.sequences) * vocabularySize * bytesOfFloat;
}

/** Without flash attention, the scores of a layer lie in memory, of every token of a step for every one before it. */
function scoreBytes({ attentionHeads, headSize }: ModelFacts, config: ModelConfig): number {
  const { flashAttention, cacheType, contextSize } = config;
  const mayBeOff = flashAttention === 'off' || (flashAttention === 'auto' && isSlowerOnCpu(headSize, cacheType));
  return mayBeOff ? attentionHeads * tokensPerStep(config) * contextSize * bytesOfFloat : 0;
}
