import type { ChoiceDelta, FinishReason, InferenceUsage } from '../../contracts/inference.ts';
import type { CompletionChoice } from '../../contracts/stores/completions.ts';
import { createTextIndexBuilder } from '../../lib/text-index.ts';

/** What a running completion has produced so far: the runner writes it, checkpoints and the settlement read it. */
export interface Progress {
  /** Notes a delta that the log gave a seq. */
  add(seq: number, choices: readonly ChoiceDelta[]): void;
  /** The engine took the prompt: from now on it is billed. */
  start(cachedPromptTokens: number): void;
  /** Choices that have no finish reason yet. */
  open(): readonly number[];
  choices(): readonly CompletionChoice[];
  usage(): InferenceUsage;
  textIndex(): Uint8Array;
  readonly lastSeq: number;
  readonly firstTokenAt: Date | null;
  /** Grows with every change, so that a checkpoint knows what it has stored. */
  readonly version: number;
}

interface OpenChoice {
  pieces: string[];
  finishReason: FinishReason | null;
  stopSequence: string | null;
}

export function createProgress(n: number, promptTokens: number, now: () => Date): Progress {
  const choices: OpenChoice[] = Array.from({ length: n }, () => ({
    pieces: [],
    finishReason: null,
    stopSequence: null,
  }));
  const index = createTextIndexBuilder();
  let started = false;
  let cachedPromptTokens = 0;
  let completionTokens = 0;
  let lastSeq = 0;
  let firstTokenAt: Date | null = null;
  let version = 0;

  return {
    add(seq, deltas) {
      firstTokenAt ??= now();
      lastSeq = seq;
      version++;
      for (const delta of deltas) {
        const choice = choices[delta.index]!;
        if (delta.text) choice.pieces.push(delta.text);
        if (delta.finishReason) choice.finishReason = delta.finishReason;
        if (delta.stopSequence !== undefined) choice.stopSequence = delta.stopSequence;
        completionTokens += delta.tokens;
        index.add({ seq, choice: delta.index, textUnits: delta.text.length, tokens: delta.tokens });
      }
    },
    start(cached) {
      started = true;
      cachedPromptTokens = cached;
      version++;
    },
    open: () => choices.flatMap(({ finishReason }, i) => (finishReason === null ? [i] : [])),
    choices: () =>
      choices.map(({ pieces, finishReason, stopSequence }, i) => {
        // Joining once in a while keeps a long text from being joined anew from thousands of pieces at each checkpoint.
        const text = pieces.join('');
        choices[i]!.pieces = text ? [text] : [];
        return { index: i, text, finishReason, stopSequence };
      }),
    usage: () => ({ promptTokens: started ? promptTokens : 0, cachedPromptTokens, completionTokens }),
    textIndex: () => index.toBytes(),
    get lastSeq() {
      return lastSeq;
    },
    get firstTokenAt() {
      return firstTokenAt;
    },
    get version() {
      return version;
    },
  };
}
