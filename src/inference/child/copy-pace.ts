import { chunkBesideAnswers } from './prompt-room.ts';

/**
 * Whether to give a sequence what another has evaluated, or to evaluate it again, by what both have cost here lately. On a CPU a copy costs
 * next to nothing beside the evaluation; on a fast GPU it may be the other way round, as it goes through main memory.
 */
export interface CopyPace {
  evaluated(tokens: number, milliseconds: number): void;
  copied(tokens: number, milliseconds: number): void;
  failed(): void;
  /** `gained` tokens need not be evaluated if `copied` tokens of another sequence are copied. */
  isWorthwhile(gained: number, copied: number): boolean;
}

/** Fewer tokens than these are evaluated along with what else there is. */
export const worthwhileTokens = 32;
/** Everybody waits while something is copied: it has to cost so much less than what it spares. */
const mostOfEvaluation = 1 / 2;
/** What was too expensive, or failed, so often is tried once more. */
const refusalsUntilNextTry = 256;

export function createCopyPace(): CopyPace {
  let evaluating = Number.POSITIVE_INFINITY;
  let copying = 0;
  let refusals = 0;

  return {
    evaluated(tokens, milliseconds) {
      if (tokens >= worthwhileTokens) evaluating = milliseconds / tokens;
    },
    copied(tokens, milliseconds) {
      copying = milliseconds / tokens;
    },
    failed() {
      copying = Number.POSITIVE_INFINITY;
    },
    isWorthwhile(gained, copied) {
      if (gained < worthwhileTokens) return false;
      // No stream waits longer for a copy than for a chunk of somebody's prompt.
      const spared = Math.min(gained, chunkBesideAnswers) * evaluating;
      if (copied * copying <= spared * mostOfEvaluation) return true;
      if (++refusals % refusalsUntilNextTry === 0) copying = 0;
      return false;
    },
  };
}
