/** What one choice gained, as far as merging is concerned. */
export interface ChoicePiece {
  readonly index: number;
  readonly text: string;
  readonly tokens: number;
}

/**
 * How much text one merged event may carry, in UTF-16 units: at most 48 KiB in UTF-8, so that what a reader holds is bounded
 * whatever it missed. A single event that is longer stays whole.
 */
export const maxMergedTextUnits = 16_384;

/** Gathers consecutive deltas: one entry per choice, in the order of their first appearance. */
export interface ChoiceMerger<C extends ChoicePiece> {
  /** Whether the delta still fits; the first always does. */
  fits(choices: readonly C[]): boolean;
  add(choices: readonly C[]): void;
  /** Texts joined, tokens summed, everything else as the choice's last entry that has it. */
  merged(): C[];
}

export function createChoiceMerger<C extends ChoicePiece>(): ChoiceMerger<C> {
  const byIndex = new Map<number, C>();
  let textUnits = 0;
  return {
    fits: (choices) => byIndex.size === 0 || textUnits + countTextUnits(choices) <= maxMergedTextUnits,
    add(choices) {
      textUnits += countTextUnits(choices);
      for (const piece of choices) {
        const earlier = byIndex.get(piece.index);
        byIndex.set(
          piece.index,
          earlier
            ? { ...earlier, ...piece, text: earlier.text + piece.text, tokens: earlier.tokens + piece.tokens }
            : piece,
        );
      }
    },
    merged: () => [...byIndex.values()],
  };
}

export function countTextUnits(choices: readonly ChoicePiece[]): number {
  let units = 0;
  for (const { text } of choices) units += text.length;
  return units;
}
