export interface Requests {
  readonly url: string;
  readonly secret: string;
  /** About so many tokens, all different. */
  readonly promptWords: number;
  readonly maxTokens: number;
}

export type ClientRequest =
  /** So many requests, so many at a time: each that ends makes room for the next. */
  | (Requests & { readonly type: 'in-turns'; readonly count: number; readonly atOnce: number })
  /** Requests that come at random times, whatever becomes of those before. */
  | (Requests & { readonly type: 'offered'; readonly perSecond: number; readonly seconds: number });

/** Times in milliseconds, as the client sees them. */
export interface Served {
  readonly seconds: number;
  readonly completionTokens: number;
  /** From the request to the first token, of those that were admitted. */
  readonly firstToken: readonly number[];
  /** From the request to the refusal. */
  readonly refusal: readonly number[];
  /** Refused otherwise than with OVERLOADED and a time to come back, or failed after they were admitted. */
  readonly wrong: readonly string[];
}
