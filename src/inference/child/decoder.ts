import type { ChoiceSampling } from '../protocol.ts';

/**
 * The numeric side of an engine: sequences with their evaluated tokens, and one batch a step. What runs when is the decode
 * loop's business. Calls never overlap: the loop awaits a step before it touches anything.
 */
export interface Decoder {
  readonly sequences: number;
  /** Tokens of one sequence. */
  readonly contextSize: number;
  /** Tokens of one step, over all sequences. */
  readonly batchSize: number;
  /** ggml threads that evaluate a step. */
  readonly threads: number;

  /** Of the steps to come: one at least, and no more than it was opened with. */
  useThreads(count: number): void;

  /** Evaluates all entries in one batch and samples for those that ask for it; the results are in the order of the entries. */
  step(entries: readonly BatchEntry[]): Promise<readonly (number | undefined)[]>;

  /**
   * Keeps the first `length` evaluated tokens of the sequence and forgets the rest. False where the model cannot do that
   * (its state is not per token): the sequence is then empty.
   */
  keep(sequence: number, length: number): boolean;

  /** Whether sequences can be given what others have evaluated: not where their state is not per token. */
  readonly canCopy: boolean;

  /** Puts what a sequence has evaluated aside, for others; rejects where that fails. */
  snapshot(sequence: number): Promise<Snapshot>;

  sampler(sampling: ChoiceSampling): Sampler;
}

/** It stays as it was taken, whatever becomes of its sequence, and takes room on disk until it is disposed. */
export interface Snapshot extends AsyncDisposable {
  /** Replaces what the sequence holds by the first `length` tokens of this; what it holds where that rejects, nobody knows. */
  restore(sequence: number, length: number): Promise<void>;
}

export interface BatchEntry {
  readonly sequence: number;
  /** Tokens of the sequence that were evaluated before these. */
  readonly position: number;
  readonly tokens: readonly number[];
  /** Samples the token that follows the last of these. */
  readonly sampler?: Sampler;
  /** Computes what it would be sampled from, also where nobody samples: what evaluation alone costs is measured so. */
  readonly logits?: boolean;
}

/** State of one choice's sampling: its random numbers, and the tokens that its penalties look at. */
export interface Sampler extends Disposable {
  readonly sampling: ChoiceSampling;
}

/** What the loop needs of the model's vocabulary. */
export interface Vocabulary {
  readonly size: number;
  isEndOfGeneration(token: number): boolean;
  /** Control tokens have no text. */
  detokenise(tokens: readonly number[], before: readonly number[]): string;
}
