/** What one choice gained, as far as merging is concerned. */
export interface MergeableChoice {
  readonly index: number;
  readonly text: string;
  readonly tokens: number;
}

/**
 * How much text one merged event may carry, in UTF-16 units: at most 48 KiB in UTF-8, so that what a reader holds is bounded
 * whatever it missed. A single event that is longer stays whole.
 */
const maxMergedTextUnits = 16_384;

/** Gathers consecutive deltas: one entry per choice, in the order of their first appearance. */
export interface ChoiceMerger<C extends MergeableChoice> {
  /** Whether the delta still fits; the first always does. */
  fits(choices: readonly C[]): boolean;
  add(choices: readonly C[]): void;
  /** Texts joined, tokens summed, everything else as the choice's last entry that has it. */
  merged(): C[];
}

export function createChoiceMerger<C extends MergeableChoice>(): ChoiceMerger<C> {
  const byIndex = new Map<number, Mutable<C>>();
  let textUnits = 0;
  return {
    fits: (choices) => byIndex.size === 0 || textUnits + countTextUnits(choices) <= maxMergedTextUnits,
    add(choices) {
      textUnits += countTextUnits(choices);
      for (const piece of choices) {
        const merged = byIndex.get(piece.index);
        if (merged) mergeInto(merged, piece);
        else byIndex.set(piece.index, { ...piece });
      }
    },
    merged: () => [...byIndex.values()],
  };
}

/** All of them as a merger would give them out; one alone stays the object that it is. */
export function mergeChoices<C extends MergeableChoice>(choices: readonly C[]): readonly C[] {
  if (choices.length <= 1) return choices;
  const merger = createChoiceMerger<C>();
  merger.add(choices);
  return merger.merged();
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** In place and key by key: a late reader merges every token of a completion, and spreading costs several times as much. */
function mergeInto<C extends MergeableChoice>(merged: Mutable<C>, piece: C): void {
  const text = merged.text + piece.text;
  const tokens = merged.tokens + piece.tokens;
  for (const key in piece) merged[key] = piece[key];
  merged.text = text;
  merged.tokens = tokens;
}

export function countTextUnits(choices: readonly MergeableChoice[]): number {
  let units = 0;
  for (const { text } of choices) units += text.length;
  return units;
}
