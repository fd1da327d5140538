import type { LlamaModel } from 'node-llama-cpp';
import type { ModelFacts } from '../../contracts/inference.ts';

const bytesOfF16 = 2;

/** What the memory of attention depends on; zeros for a network that attends to nothing. */
export function attentionFacts({ fileInfo }: LlamaModel): Pick<ModelFacts, 'cacheBytesPerToken' | 'attentionHeads'> {
  const { architectureMetadata } = fileInfo;
  const { attention, block_count: layers, embedding_length: width = 0 } = architectureMetadata;
  const heads = perLayer(attention?.head_count, layers);
  const cachedHeads = attention?.head_count_kv === undefined ? heads : perLayer(attention.head_count_kv, layers);
  const attentionHeads = Math.max(0, ...heads);
  const headSize = Math.ceil(width / Math.max(1, attentionHeads));
  const perHead = (attention?.key_length ?? headSize) + (attention?.value_length ?? headSize);
  return {
    cacheBytesPerToken: cachedHeads.reduce((sum, count) => sum + count * perHead * bytesOfF16, 0),
    attentionHeads,
  };
}

/** Networks say one number for all layers, or one for each. */
function perLayer(counts: number | readonly number[] | undefined, layers = 0): number[] {
  if (typeof counts === 'object') return [...counts].map(Number);
  return new Array<number>(Number(layers)).fill(Number(counts ?? 0));
}
