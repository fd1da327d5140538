/** What one sequence of the decoder has evaluated, and for whom. */
export interface CachedSequence {
  readonly sequence: number;
  /** The evaluated tokens, in order: what a later prompt may share a prefix with. */
  readonly tokens: readonly number[];
  readonly scope: string;
  /** Rises with every use; the lowest is the least recently used. */
  readonly lastUse: number;
}

export interface SequenceChoice {
  readonly sequence: number;
  /** Evaluated tokens to keep: a prefix of the prompt that leaves at least one token to evaluate. */
  readonly keep: number;
}

/** A shorter shared prefix is evaluated anew where that lets the choice decode together with others. */
const worthwhileTokens = 32;

/**
 * Picks the idle sequence for a prompt: the one with the longest shared prefix within the scope, never across, where that saves something
 * worthwhile. Else one beside busy sequences: llama.cpp decodes together only what is neighbours (a step of sequences 0, 1, 2 is one
 * evaluation, of 0, 2, 4 it is three). Then an empty one, then the least recently used.
 */
export function chooseSequence(
  idle: readonly CachedSequence[],
  isBusy: (sequence: number) => boolean,
  promptTokens: readonly number[],
  scope: string,
): SequenceChoice | undefined {
  const candidates = idle.map((cached): Candidate => {
    const { sequence } = cached;
    const keep = cached.scope === scope ? sharedPrefix(cached.tokens, promptTokens) : 0;
    const isWorthwhile = keep >= worthwhileTokens || keep * 2 >= promptTokens.length;
    const neighbours = Number(isBusy(sequence - 1)) + Number(isBusy(sequence + 1));
    return { cached, keep, worth: isWorthwhile ? keep : 0, neighbours };
  });
  const [first, ...others] = candidates;
  const best = first && others.reduce((best, other) => (isBetter(other, best) ? other : best), first);
  return best && { sequence: best.cached.sequence, keep: best.keep };
}

interface Candidate {
  readonly cached: CachedSequence;
  readonly keep: number;
  readonly worth: number;
  readonly neighbours: number;
}

function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.worth !== b.worth) return a.worth > b.worth;
  if (a.neighbours !== b.neighbours) return a.neighbours > b.neighbours;
  const emptiness = Number(a.cached.tokens.length > 0) - Number(b.cached.tokens.length > 0);
  if (emptiness !== 0) return emptiness < 0;
  return a.cached.lastUse < b.cached.lastUse;
}

function sharedPrefix(cached: readonly number[], prompt: readonly number[]): number {
  const most = Math.min(cached.length, prompt.length - 1);
  let shared = 0;
  while (shared < most && cached[shared] === prompt[shared]) shared++;
  return Math.max(0, shared);
}
