import type { LlamaModel } from 'node-llama-cpp';

const bytesOfF16 = 2;

/** What one token takes in the KV cache, over all layers; 0 for a network that attends to nothing. */
export function cacheBytesPerToken({ fileInfo }: LlamaModel): number {
  const { architectureMetadata } = fileInfo;
  const { attention, block_count: layers, embedding_length: width = 0 } = architectureMetadata;
  const heads = perLayer(attention?.head_count, layers);
  const cachedHeads = attention?.head_count_kv === undefined ? heads : perLayer(attention.head_count_kv, layers);
  const headSize = Math.ceil(width / Math.max(1, ...heads));
  const perHead = (attention?.key_length ?? headSize) + (attention?.value_length ?? headSize);
  return cachedHeads.reduce((sum, count) => sum + count * perHead * bytesOfF16, 0);
}

/** Networks say one number for all layers, or one for each. */
function perLayer(counts: number | readonly number[] | undefined, layers = 0): number[] {
  if (typeof counts === 'object') return [...counts].map(Number);
  return new Array<number>(Number(layers)).fill(Number(counts ?? 0));
}
