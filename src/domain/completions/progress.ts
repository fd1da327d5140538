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
  /** What came after the mark: costs what it brings, however long the text before it. */
  gainSince(mark: ProgressMark): ProgressGain;
  readonly lastSeq: number;
  /** Null where no token came: a choice may end without one. */
  readonly firstTokenAt: Date | null;
  /** Grows with every change, so that a checkpoint knows what it has stored. */
  readonly version: number;
}

/** How far a checkpoint has come. */
export interface ProgressMark {
  readonly seq: number;
  /** Of each choice. */
  readonly pieces: readonly number[];
  readonly textIndexBytes: number;
}

export const progressStart: ProgressMark = { seq: 0, pieces: [], textIndexBytes: 0 };

export interface ProgressGain {
  /** Of the choices that changed, what text they gained and how they stand. */
  readonly choices: readonly CompletionChoice[];
  readonly textIndex: Uint8Array;
  /** Where the next gain begins. */
  readonly mark: ProgressMark;
}

interface OpenChoice {
  readonly pieces: string[];
  finishReason: FinishReason | null;
  stopSequence: string | null;
  lastSeq: number;
}

/** The seqs of its deltas come after `afterSeq`. */
export function createProgress(n: number, promptTokens: number, now: () => Date, afterSeq = 0): Progress {
  const choices: OpenChoice[] = Array.from({ length: n }, () => ({
    pieces: [],
    finishReason: null,
    stopSequence: null,
    lastSeq: 0,
  }));
  const index = createTextIndexBuilder();
  let started = false;
  let cachedPromptTokens = 0;
  let completionTokens = 0;
  let lastSeq = afterSeq;
  let firstTokenAt: Date | null = null;
  let version = 0;

  const choiceOf = ({ pieces, finishReason, stopSequence }: OpenChoice, index: number, from = 0): CompletionChoice => ({
    index,
    text: pieces.slice(from).join(''),
    finishReason,
    stopSequence,
  });

  return {
    add(seq, deltas) {
      if (deltas.some(({ tokens }) => tokens > 0)) firstTokenAt ??= now();
      lastSeq = seq;
      version++;
      for (const delta of deltas) {
        const choice = choices[delta.index]!;
        if (delta.text) choice.pieces.push(delta.text);
        if (delta.finishReason) choice.finishReason = delta.finishReason;
        if (delta.stopSequence !== undefined) choice.stopSequence = delta.stopSequence;
        choice.lastSeq = seq;
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
    choices: () => choices.map((choice, i) => choiceOf(choice, i)),
    usage: () => ({ promptTokens: started ? promptTokens : 0, cachedPromptTokens, completionTokens }),
    textIndex: () => index.toBytes(),
    gainSince: (mark) => ({
      choices: choices.flatMap((choice, i) => (choice.lastSeq > mark.seq ? [choiceOf(choice, i, mark.pieces[i])] : [])),
      textIndex: index.toBytes(mark.textIndexBytes),
      mark: { seq: lastSeq, pieces: choices.map(({ pieces }) => pieces.length), textIndexBytes: index.byteLength },
    }),
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
