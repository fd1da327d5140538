import type { FinishReason, ModelFacts } from '../contracts/inference.ts';
import type { EngineFacts } from '../contracts/pool.ts';
import type { CacheType } from './cache-type.ts';
import type { Device } from './device/device.ts';
import type { FlashAttentionSetting } from './flash-attention.ts';
import type { LogLevel } from './log.ts';

/**
 * What the host and its child processes tell each other. Messages of one turn of the event loop travel together, as one
 * array. Every union is closed; whatever a child is, it answers `ping` with `pong`.
 */

export interface EngineSettings {
  readonly modelPath: string;
  readonly contextSize: number;
  readonly sequences: number;
  readonly threads: ThreadSetting;
  readonly gpuLayers: number | 'auto' | 'max';
  /** `f16` where absent. */
  readonly cacheType?: CacheType;
  /** `auto` where absent. */
  readonly flashAttention?: FlashAttentionSetting;
}

/** ggml threads; where only the most is given, the engine measures how many of them are worth it. */
export type ThreadSetting = number | { readonly atMost: number };

/** Sampling of one choice; the seed is the choice's own. Penalties are over the generated text only. */
export interface ChoiceSampling {
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly minP: number;
  readonly seed: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  readonly repeatPenalty: number;
  readonly logitBias: readonly (readonly [token: number, bias: number])[];
}

/** The unit of work of an engine: one choice of a completion. */
export interface ChoiceRequest {
  readonly requestId: number;
  readonly promptTokens: readonly number[];
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly sampling: ChoiceSampling;
  /** Evaluated prompts are reused within one scope only. */
  readonly cacheScope: string;
}

export type ToEngine =
  | { readonly type: 'load'; readonly settings: EngineSettings }
  | ({ readonly type: 'generate' } & ChoiceRequest)
  | { readonly type: 'cancel'; readonly requestId: number }
  | { readonly type: 'ping' };

export type FromEngine =
  | { readonly type: 'loaded'; readonly facts: EngineFacts }
  | { readonly type: 'load-failed'; readonly message: string }
  | { readonly type: 'started'; readonly requestId: number; readonly cachedPromptTokens: number }
  /** `step`: the number of the step that it came of. */
  | ({ readonly type: 'piece'; readonly step: number } & ChoicePiece)
  /** The request cannot go on, the engine can. */
  | { readonly type: 'request-failed'; readonly requestId: number; readonly message: string }
  /** The engine cannot go on. */
  | { readonly type: 'broke'; readonly message: string }
  | FromAnyChild;

export interface ChoicePiece {
  readonly requestId: number;
  readonly text: string;
  readonly tokens: number;
  /** On the last piece only. */
  readonly finishReason?: FinishReason;
  readonly stopSequence?: string;
}

export type ToTokenizer =
  | ({ readonly type: 'tokenize'; readonly requestId: number } & TokenizerRequest)
  | { readonly type: 'ping' };

export interface TokenizerRequest {
  readonly modelPath: string;
  /** A file that is open in another version is opened anew. */
  readonly fileVersion: string;
  readonly contextSize: number;
  readonly input: TokenizerInput;
}

export type TokenizerInput =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'messages'; readonly messages: readonly { readonly role: string; readonly content: string }[] };

export type FromTokenizer =
  /** Sent before a file is opened, so that the host knows what a crash was about. */
  | { readonly type: 'opening'; readonly modelPath: string }
  | { readonly type: 'opened'; readonly modelPath: string; readonly fileVersion: string; readonly facts: ModelFacts }
  | { readonly type: 'tokens'; readonly requestId: number; readonly tokens: readonly number[] }
  | { readonly type: 'refused'; readonly requestId: number; readonly refusal: TokenizerRefusal }
  | FromAnyChild;

export type TokenizerRefusal =
  | { readonly reason: 'too-long'; readonly atLeastTokens: number }
  | { readonly reason: 'no-template' }
  | { readonly reason: 'template'; readonly message: string }
  | { readonly reason: 'unreadable'; readonly message: string }
  | { readonly reason: 'failed'; readonly message: string };

export interface ToDeviceProbe {
  readonly type: 'ping';
}

export type FromDeviceProbe = { readonly type: 'device'; readonly device: Device } | FromAnyChild;

export type FromAnyChild =
  /** `step` is there while work is being done, and rises with every step of it. */
  | { readonly type: 'pong'; readonly step?: number }
  | { readonly type: 'log'; readonly level: LogLevel; readonly message: string };
