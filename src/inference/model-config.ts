import type { ModelPrice } from '../contracts/inference.ts';
import type { CacheType } from './cache-type.ts';
import type { FlashAttentionSetting } from './flash-attention.ts';

/** One model of the catalogue, as the configuration describes it: checked, with every default filled in. */
export interface ModelConfig {
  readonly name: string;
  /** `file:` (relative to the configuration's directory or absolute), `hf:`, `https:` or `http:`. */
  readonly source: string;
  /** Of the whole file, in hexadecimal; a file with another sum is refused. */
  readonly sha256?: string;
  readonly aliases: readonly string[];
  /** Tokens of prompt and answer together, per sequence. */
  readonly contextSize: number;
  readonly defaultMaxTokens: number;
  /** Parallel sequences of one replica. */
  readonly sequences: number;
  readonly replicas: number;
  /** GPUs that replicas are dealt to, each seeing its own alone; the library chooses where absent. */
  readonly devices?: readonly number[];
  /**
   * `auto` measures, when the model is loaded, how many are worth it, and leaves a core for everything else: the prebuilt engines'
   * threads spin while they wait for one another.
   */
  readonly threads: number | 'auto';
  /** How much of the model goes to the GPU, where there is one. */
  readonly gpuLayers: number | 'auto' | 'max';
  /** Of the KV cache; quantised ones need flash attention. */
  readonly cacheType: CacheType;
  readonly flashAttention: FlashAttentionSetting;
  readonly cacheSharing: CacheSharing;
  /** When it is loaded: with the server, or by the first request. */
  readonly load: 'start' | 'demand';
  /** How long it stays in memory without being used; null is for ever. */
  readonly keepAliveSeconds: number | null;
  readonly price: ModelPrice;
}

/** A model as the configuration has it, before it is known which GPUs there are. */
export interface CatalogueModel extends Omit<ModelConfig, 'replicas' | 'devices'> {
  /** One per device, else one, where absent. */
  readonly replicas?: number;
  readonly devices?: readonly number[] | 'all';
}

/** Whose prompts may share evaluated tokens: with `all`, the speed of an answer tells one project what others have sent. */
export const cacheSharings = ['project', 'all'] as const;
export type CacheSharing = (typeof cacheSharings)[number];
