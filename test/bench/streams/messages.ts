import type { ChoicePiece } from '../../../src/inference/protocol.ts';

/** What is produced for every stream that is open. */
export interface Load {
  readonly steps: number;
  /** All in one message, as an engine that is faster than its host would send them. */
  readonly tokensPerStep: number;
  /**
   * When the next step comes: once every reader has the last one, so that no two can share a message however busy the machine
   * is; or as soon as the operating system has taken the last one.
   */
  readonly pace: 'delivered' | 'taken';
}

/** The text of every token: nothing in it is escaped in JSON. */
export const tokenText = ' token';

export type ToProducer =
  | { readonly type: 'start'; readonly load: Load; readonly streams: readonly number[] }
  | { readonly type: 'finish' };

export type FromProducer =
  /** Where it listens for a byte from the readers whenever all of them have a step. */
  | { readonly type: 'listening'; readonly stepPort: number }
  | { readonly type: 'step'; readonly pieces: readonly ChoicePiece[] };

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
  /** The producer's. */
  readonly stepPort: number;
  /** Of an API key; the references need none, and no completion to be created. */
  readonly authorization?: string;
}

export type ReadersRequest =
  | {
      readonly type: 'open';
      readonly target: Target;
      readonly transport: string;
      readonly readers: number;
      readonly load: Load;
    }
  /** Answered when every reader has every token. */
  | { readonly type: 'delivered' }
  /** Answered when every stream has ended. */
  | { readonly type: 'ended' };

export interface Delivered {
  readonly seconds: number;
  readonly messages: number;
}
