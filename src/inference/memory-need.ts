import type { ModelFacts } from '../contracts/inference.ts';
import type { ModelConfig } from './model-config.ts';

/** What a process takes beside the weights and the cache: itself, and what it computes in. */
const overheadBytes = 96 * 2 ** 20;

/**
 * What a model takes in memory: for each replica the weights (as large as the file) and the KV cache of all its sequences. An upper
 * bound: replicas on the CPU share the pages of the file, and models that attend to a window keep less.
 */
export function neededBytes({ sizeBytes, cacheBytesPerToken }: ModelFacts, config: ModelConfig): number {
  const cacheBytes = cacheBytesPerToken * config.contextSize * config.sequences;
  return config.replicas * (sizeBytes + cacheBytes + overheadBytes);
}
