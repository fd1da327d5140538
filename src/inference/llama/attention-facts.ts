import type { LlamaModel } from 'node-llama-cpp';
import type { ModelFacts } from '../../contracts/inference.ts';

const bytesOfF16 = 2;

type AttentionFacts = Pick<ModelFacts, 'cacheBytesPerToken' | 'attentionHeads' | 'headSize'>;

/** What the memory of attention depends on; zeros for a network that attends to nothing. */
export function attentionFacts({ fileInfo }: LlamaModel): AttentionFacts {
  const { architectureMetadata } = fileInfo;
  const { attention, block_count: layers, embedding_length: width = 0 } = architectureMetadata;
  const heads = perLayer(attention?.head_count, layers);
  const cachedHeads = attention?.head_count_kv === undefined ? heads : perLayer(attention.head_count_kv, layers);
  const attentionHeads = Math.max(0, ...heads);
  const evenShare = Math.ceil(width / Math.max(1, attentionHeads));
  const headSize = attention?.key_length ?? evenShare;
  const perHead = headSize + (attention?.value_length ?? evenShare);
  return {
    cacheBytesPerToken: cachedHeads.reduce((sum, count) => sum + count * perHead * bytesOfF16, 0),
    attentionHeads,
    headSize,
  };
}

/** Networks say one number for all layers, or one for each. */
function perLayer(counts: number | readonly number[] | undefined, layers = 0): number[] {
  if (typeof counts === 'object') return [...counts].map(Number);
  return new Array<number>(Number(layers)).fill(Number(counts ?? 0));
}
