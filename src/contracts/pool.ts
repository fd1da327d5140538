import type { ModelStatus } from './inference.ts';

/** The engines of this node. */
export interface PoolDescription {
  /** Every model of the catalogue, in the order of the configuration. */
  readonly models: readonly PooledModel[];
  /** What models may take together; null until it is known, which is when the first one is loaded. */
  readonly memoryBytes: number | null;
  /** The same place by place; empty until it is known. */
  readonly places: readonly PoolPlace[];
}

/** Somewhere that models lie in memory. */
export interface PoolPlace {
  /** `GPU 0` and so on, where replicas are dealt to it; `other GPUs`; `main memory`; or `limit`, where everything counts. */
  readonly name: string;
  /** What models may take there together. */
  readonly bytes: number;
  /** What the pool sets aside there for models in memory. */
  readonly reservedBytes: number;
}

/** One model of the catalogue as the pool runs it now. */
export interface PooledModel {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly status: ModelStatus;
  /** With FAILED: why. */
  readonly error?: string;
  /** Bytes that the pool sets aside for it, over all replicas: an estimate; 0 while it is not in memory. */
  readonly reservedBytes: number;
  readonly replicas: readonly PooledReplica[];
}

/**
 *     UNLOADED ──▶ LOADING ──▶ READY ──died──▶ RESTARTING ──▶ LOADING …
 *                     └─ the file is no good: FAILED    └─ third death in a minute, or of loading: CIRCUIT_OPEN
 *
 * FAILED and CIRCUIT_OPEN end after `retryAt`: by the next request, or by itself where the whole model failed.
 */
export const replicaStates = ['UNLOADED', 'LOADING', 'READY', 'RESTARTING', 'FAILED', 'CIRCUIT_OPEN'] as const;
export type PooledReplicaState = (typeof replicaStates)[number];

/** One engine of a model. */
export interface PooledReplica {
  /** From 0, within the model. */
  readonly index: number;
  readonly state: PooledReplicaState;
  /** With FAILED and CIRCUIT_OPEN: why, and until when requests are refused. */
  readonly error?: string;
  readonly retryAt?: Date;
  readonly slots: number;
  /** Choices that it works on. */
  readonly slotsBusy: number;
  /** Completion tokens of the last ten seconds, per second. */
  readonly tokensPerSecond: number;
  /** Of them, how many a step of the engine gave: the mean batch; undefined where there were none. */
  readonly tokensPerStep: number | undefined;
  /** How often its process died and was started again, since the server started. */
  readonly restarts: number;
  /** What it runs on; absent until it has been loaded. */
  readonly engine?: EngineFacts;
}

/** What an engine reports of itself once it is loaded. */
export interface EngineFacts {
  /** `CPU`, or the names of the GPUs that it uses. */
  readonly device: string;
  /** Layers of the network on the GPU, and in all. */
  readonly gpuLayers: number;
  readonly layers: number;
  /** Measured after loading: main memory of its process, and memory that it took on the GPU. */
  readonly memoryBytes: number;
  readonly gpuMemoryBytes: number;
  /** ggml threads. */
  readonly threads: number;
  readonly flashAttention: boolean;
  /** Type of the numbers in the KV cache, such as `F16`. */
  readonly cacheType: string;
  /** Whether what one prompt has evaluated can be copied for others. */
  readonly copiesPrompts: boolean;
}

/** That something of a model changed; what it is now is in `pool()`. */
export interface PoolChange {
  readonly model: string;
  /** `state`: the model's or a replica's; `restart`: a replica died and is started again. */
  readonly type: 'state' | 'restart';
}
