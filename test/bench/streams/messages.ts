import type { ChoicePiece } from '../../../src/inference/protocol.ts';

/** What is produced for every stream that is open. */
export interface Load {
  readonly steps: number;
  /** All in one message, as an engine that is faster than its host would send them. */
  readonly tokensPerStep: number;
  /** Null: the next step as soon as the operating system has taken the last one. */
  readonly stepsPerSecond: number | null;
}

/** The text of every token: nothing in it is escaped in JSON. */
export const tokenText = ' token';

export type ToProducer =
  | { readonly type: 'start'; readonly load: Load; readonly streams: readonly number[] }
  | { readonly type: 'finish' };

/** Of one step. */
export type FromProducer = readonly ChoicePiece[];

/** Requests to a child of the benchmark; each is answered once, by `id`. */
export type ServerRequest =
  | { readonly type: 'start'; readonly load: Load }
  /** All text was delivered: how much processor time this process took since `start`. */
  | { readonly type: 'measure' }
  | { readonly type: 'finish' };

export interface Measured {
  readonly cpuMicroseconds: number;
}

/** Where a server can be reached, and as whom. */
export interface Target {
  readonly url: string;
  /** Of an API key; the references need none, and no completion to be created. */
  readonly authorization?: string;
}

export type ReadersRequest =
  | {
      readonly type: 'open';
      readonly target: Target;
      readonly transport: string;
      readonly readers: number;
      readonly tokens: number;
    }
  /** Answered when every reader has every token. */
  | { readonly type: 'delivered' }
  /** Answered when every stream has ended. */
  | { readonly type: 'ended' };

export interface Delivered {
  readonly seconds: number;
  readonly messages: number;
}
