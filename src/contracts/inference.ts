import type { CompletionId } from './ids.ts';
import type { PoolChange, PoolDescription } from './pool.ts';

/**
 * What the domain needs of an inference engine. It knows nothing of keys, quotas or clients: chat templates, limits
 * and defaults are resolved before a job reaches it, and it reports what it produced, token for token.
 */
export interface Inference extends AsyncDisposable {
  /** Every model of the catalogue, loaded or not, in the order of the configuration. */
  models(): readonly ModelDescription[];

  /**
   * Turns a prompt or chat messages into the model's tokens. Control tokens are produced only by the template and the
   * model's own rules (a beginning-of-text token); text that spells one is tokenised as plain text. Tokens that are given
   * stay as they are, once each is known to be in the vocabulary.
   *
   * Throws CONTEXT_LENGTH_EXCEEDED without tokenising when the text cannot fit whatever its tokens (bytes >
   * context × longest token), INVALID_INPUT for messages to a model without a template and at the first token that the
   * model does not have, MODEL_UNAVAILABLE when the model's file cannot be read. The result may be longer than the
   * context: the caller decides.
   */
  tokenize(model: string, input: PromptInput, signal?: AbortSignal): Promise<TokenizedPrompt>;

  /**
   * Waits until the model has a free slot on this node and takes it: a runner holds one before it claims a job, so that the
   * pool never queues. Slots exist for every configured model, loaded or not; disposing gives the slot back.
   */
  acquireSlot(model: string, signal: AbortSignal): Promise<Slot>;

  /**
   * Waits until the slot's model can take a job, loading it if it must; at once where it is loaded. A job is not said to run before.
   * Throws as `load` does.
   */
  prepare(slot: Slot, signal: AbortSignal): Promise<void>;

  /**
   * Runs one job on the slot, loading the model if it must. The slot stays the caller's: generate never disposes it.
   *
   * Order of parts: one `started`, then `delta`s, then one `finished` with the usage, and nothing after it. When the
   * signal aborts, generation stops within one token and the iterable still ends with `finished`, whose open choices
   * have the finish reason 'CANCELLED'; leaving the loop early (`return()`) stops it as promptly.
   *
   * Throws ENGINE_CRASHED when the engine process dies or hangs, MODEL_UNAVAILABLE when it cannot be loaded. What was
   * produced until then has been yielded: the sum of `tokens` over the deltas is exact at any moment.
   */
  generate(job: InferenceJob, slot: Slot, signal: AbortSignal): AsyncIterable<InferencePart>;

  /**
   * Resolves when the model is in memory, which the wait itself makes happen. Throws MODEL_UNAVAILABLE when it cannot be loaded or
   * never fits, and the signal's reason as soon as that aborts; the loading goes on.
   */
  load(model: string, signal: AbortSignal): Promise<void>;

  /** Takes the model out of memory, once what runs has ended; resolves then, also where it was out already. */
  unload(model: string): Promise<void>;

  /** Whether some model can answer now, loading it first where that is configured (`/readyz`). */
  ready(): boolean;

  /** How the models are run now. */
  pool(): PoolDescription;

  /** Calls the listener at every change of a model's or an engine's state; the result ends that. Figures change silently. */
  watchPool(listener: (change: PoolChange) => void): () => void;
}

export interface Slot extends Disposable {
  readonly model: string;
}

export type PromptInput =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'messages'; readonly messages: readonly ChatMessage[] }
  /** The whole prompt, exactly: nothing is put before it, and control tokens in it are control tokens. */
  | { readonly type: 'tokens'; readonly tokens: readonly number[] };

export type ChatRole = 'SYSTEM' | 'USER' | 'ASSISTANT';

export interface ChatMessage {
  readonly role: ChatRole;
  readonly content: string;
}

export interface TokenizedPrompt {
  readonly tokens: readonly number[];
}

export interface InferenceJob {
  readonly completionId: CompletionId;
  readonly model: string;
  /** Evaluated prompts may be reused (as a shared prefix) within one scope, never across two. */
  readonly cacheScope: string;
  readonly promptTokens: readonly number[];
  /** Number of choices; may exceed the model's slots: the choices then take turns. */
  readonly n: number;
  /** Per choice, ≥ 1; promptTokens + maxTokens fits in the context. */
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly sampling: Sampling;
}

/** Ranges are the domain's business (domain/completions/input): values arrive checked and complete. */
export interface Sampling {
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topP: number;
  /** 0 is off. */
  readonly topK: number;
  readonly minP: number;
  /** Choice i samples with seed + i (modulo 2³²). */
  readonly seed: number;
  /** Over the generated text only, as OpenAI defines them. */
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  /** 1 is off. */
  readonly repeatPenalty: number;
  /** Added to the logit of each token id. */
  readonly logitBias: ReadonlyMap<number, number>;
}

export const finishReasons = [
  'STOP',
  'LENGTH',
  'STOP_SEQUENCE',
  'TOOL_CALLS',
  'CANCELLED',
  'TIMEOUT',
  'ERROR',
] as const;
export type FinishReason = (typeof finishReasons)[number];

export type InferencePart =
  | { readonly type: 'started'; readonly cachedPromptTokens: number }
  /** At most one entry per choice. */
  | { readonly type: 'delta'; readonly choices: readonly ChoiceDelta[] }
  | { readonly type: 'finished'; readonly usage: InferenceUsage };

/**
 * What one choice gained. Text is whole characters and never part of a stop sequence: what could still become one is
 * held back until it cannot. `tokens` counts every token sampled since the choice's last delta, also those whose text
 * is held back or that have none (the end token, the tokens of a cut stop sequence).
 */
export interface ChoiceDelta {
  readonly index: number;
  readonly text: string;
  readonly tokens: number;
  /** Set on the choice's last delta only. */
  readonly finishReason?: FinishReason;
  /** Which of the job's stop sequences matched, with STOP_SEQUENCE. */
  readonly stopSequence?: string;
}

export interface InferenceUsage {
  readonly promptTokens: number;
  /** Of the prompt tokens, those whose evaluation was reused. */
  readonly cachedPromptTokens: number;
  /** Every sampled token of every choice, end tokens and cut stop tokens included. */
  readonly completionTokens: number;
}

export type ModelStatus =
  /** Not in memory; the first request loads it. */
  | 'UNLOADED'
  /** On its way into memory, which may mean waiting for room. */
  | 'LOADING'
  | 'LOADED'
  /** It leaves when what runs has ended; requests that come meanwhile wait, and load it again. */
  | 'UNLOADING'
  /** Its file is broken or its engine keeps crashing; `error` says so. Requests get MODEL_UNAVAILABLE. */
  | 'FAILED';

export interface ModelDescription {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly source: string;
  readonly status: ModelStatus;
  readonly error?: string;
  /** Tokens of prompt and answer together, per sequence. */
  readonly contextSize: number;
  readonly defaultMaxTokens: number;
  /** Parallel sequences over all replicas. */
  readonly slots: number;
  /** Those of the replicas that are ready: what runs at once now. Where none is, as many as the first one will have. */
  readonly slotsInService: number;
  readonly price: ModelPrice;
  /** From the model's file; absent until it has been opened once. */
  readonly facts?: ModelFacts;
}

/** In 10⁻⁹ of the configured currency per token: what "per million" in the configuration comes to. */
export interface ModelPrice {
  readonly promptNanosPerToken: bigint;
  readonly completionNanosPerToken: bigint;
}

export interface ModelFacts {
  readonly architecture: string;
  readonly parameters: number;
  readonly sizeBytes: number;
  readonly trainContextSize: number;
  readonly vocabularySize: number;
  readonly hasChatTemplate: boolean;
  /** Of the KV cache, over all layers, in numbers of 16 bits. */
  readonly cacheBytesPerToken: number;
  /** Of the layer that has the most. */
  readonly attentionHeads: number;
  /** Numbers in the key of one of them. */
  readonly headSize: number;
}
