import { sharedPrefix } from '../../lib/shared-prefix.ts';
import { worthwhileTokens } from './copy-pace.ts';

/** What one sequence of the decoder holds, and for whom. */
export interface CachedSequence {
  readonly sequence: number;
  /** The evaluated tokens, in order: what a later prompt may share a prefix with. */
  readonly tokens: readonly number[];
  readonly scope: string;
  /** Rises with every use; the lowest is the least recently used. */
  readonly lastUse: number;
  /** What is still to be evaluated of the prompt of the choice that has it; undefined where it is idle. */
  readonly upcoming: readonly number[] | undefined;
}

export interface Start {
  readonly type: 'start';
  readonly sequence: number;
  /** Evaluated tokens that it has: a prefix of the prompt that leaves at least one token to evaluate. */
  readonly keep: number;
  /** Whose they are, where they are copied. */
  readonly copyFrom?: number;
}

export type StartPlan =
  | Start
  /** Another choice is evaluating what this prompt shares with it. */
  | { readonly type: 'wait' }
  /** Every sequence is busy. */
  | { readonly type: 'full' };

/**
 * Where a prompt begins, and with what of it already evaluated within its scope, never across.
 *
 * - A prefix that a busy sequence has, or will have after the next steps, is copied.
 * - An idle sequence goes on in place where it loses little by that, or the whole prompt is in it. Else it keeps what it holds for its own
 *   next prompt, such as a chat's history, and what is shared is copied to another.
 * - Without a prefix worth the while: beside busy sequences, as llama.cpp decodes together only what is neighbours (a step of sequences 0,
 *   1, 2 is one evaluation, of 0, 2, 4 it is three). Then an empty one, then the least recently used.
 */
export function planStart(
  sequences: readonly CachedSequence[],
  promptTokens: readonly number[],
  scope: string,
  isCopyWorthwhile: (gained: number, copied: number) => boolean,
): StartPlan {
  const candidates = sequences.map((cached) => candidateOf(cached, sequences, promptTokens, scope));
  const idle = candidates.filter(({ cached }) => cached.upcoming === undefined);
  if (idle.length === 0) return { type: 'full' };

  const inPlace = best(idle, (a, b) => holdsMore(a, b) || isBetterPlace(a, b))!;
  const richest = best(candidates, holdsMore)!;
  const source = richest.worth > inPlace.worth ? richest : inPlace;
  const awaited = best(candidates, (a, b) => b.willHold - a.willHold)!;
  if (isCopyWorthwhile(awaited.willHold - source.holds, awaited.willHold)) return { type: 'wait' };

  const isWhole = inPlace.holds === promptTokens.length - 1;
  if (source === inPlace && (inPlace.worth === 0 || isWhole)) return startOf(inPlace);
  const target = best(
    idle.filter((candidate) => candidate !== source),
    isBetterPlace,
  );
  const held = source.cached.tokens.length;
  const spared = source === inPlace ? held - source.holds : source.holds - inPlace.holds;
  if (target !== undefined && isCopyWorthwhile(spared, held)) {
    const { sequence } = target.cached;
    return { type: 'start', sequence, keep: source.holds, copyFrom: source.cached.sequence };
  }
  return startOf(inPlace);
}

interface Candidate {
  readonly cached: CachedSequence;
  /** How many tokens of the prompt it has, and will have once the prompt of its own choice is evaluated. */
  readonly holds: number;
  readonly willHold: number;
  /** The same, but nothing where so few would tear it away from its neighbours. */
  readonly worth: number;
  readonly neighbours: number;
}

function candidateOf(
  cached: CachedSequence,
  sequences: readonly CachedSequence[],
  promptTokens: readonly number[],
  scope: string,
): Candidate {
  const { sequence, tokens, upcoming } = cached;
  // The last token is always evaluated: what follows it is sampled from that.
  const mostHeld = Math.max(0, promptTokens.length - 1);
  const busyAt = (index: number) => Number(sequences[index]?.upcoming !== undefined);
  const holds = cached.scope === scope ? Math.min(sharedPrefix(tokens, promptTokens), mostHeld) : 0;
  const goesOn = cached.scope === scope && upcoming !== undefined && holds === tokens.length;
  const isWorthwhile = holds >= worthwhileTokens || holds * 2 >= promptTokens.length;
  return {
    cached,
    holds,
    willHold: goesOn ? Math.min(holds + sharedPrefix(upcoming, promptTokens, holds), mostHeld) : holds,
    worth: isWorthwhile ? holds : 0,
    neighbours: busyAt(sequence - 1) + busyAt(sequence + 1),
  };
}

function startOf({ cached, holds }: Candidate): Start {
  return { type: 'start', sequence: cached.sequence, keep: holds };
}

/** Below zero where the first is better. */
type Order = (a: Candidate, b: Candidate) => number;

const holdsMore: Order = (a, b) => b.worth - a.worth;
const isBetterPlace: Order = (a, b) =>
  b.neighbours - a.neighbours ||
  Number(a.cached.tokens.length > 0) - Number(b.cached.tokens.length > 0) ||
  a.cached.lastUse - b.cached.lastUse;

/** The first of equals. */
function best(candidates: readonly Candidate[], order: Order): Candidate | undefined {
  return candidates.toSorted(order)[0];
}
