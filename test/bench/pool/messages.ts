/** One measurement: so many streams at once, each with a prompt of its own and so many tokens to come. */
export interface Load {
  readonly prompts: readonly (readonly number[])[];
  readonly tokens: number;
}

export interface Measured {
  /**
   * All tokens of all streams over the time from the requests to the last token, prompts included: counted from the first token, who
   * answers the first stream early would seem slow.
   */
  readonly tokensPerSecond: number;
  /** Of the streams' waits for their first token, in milliseconds. */
  readonly firstTokenP50: number;
  /** Of all waits from one message to the next, in milliseconds. */
  readonly betweenP99: number;
}

export type EngineRequest =
  | {
      readonly type: 'open';
      readonly modelPath: string;
      readonly contextSize: number;
      readonly sequences: number;
      readonly threads: number;
      readonly flashAttention: 'on' | 'off';
    }
  /** Whole steps, as the service's own engine makes them, in one process. */
  | { readonly type: 'loop'; readonly load: Load }
  /** What the engine can do at most: it evaluates, to the last layer, and nobody samples. */
  | { readonly type: 'ceiling'; readonly load: Load };

export type ClientRequest =
  | { readonly type: 'sluice'; readonly url: string; readonly secret: string; readonly load: TextLoad }
  | { readonly type: 'llama-server'; readonly url: string; readonly load: Load };

/** GraphQL takes text. */
export interface TextLoad {
  readonly prompts: readonly string[];
  readonly tokens: number;
}
