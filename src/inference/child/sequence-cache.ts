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

/**
 * Picks the idle sequence for a prompt: the one with the longest shared prefix within the scope, never across; without
 * one an empty sequence, then the least recently used.
 */
export function chooseSequence(
  idle: readonly CachedSequence[],
  promptTokens: readonly number[],
  scope: string,
): SequenceChoice | undefined {
  let best: { cached: CachedSequence; keep: number } | undefined;
  for (const cached of idle) {
    const keep = cached.scope === scope ? sharedPrefix(cached.tokens, promptTokens) : 0;
    if (best === undefined || keep > best.keep || (keep === best.keep && isCheaper(cached, best.cached))) {
      best = { cached, keep };
    }
  }
  return best && { sequence: best.cached.sequence, keep: best.keep };
}

function isCheaper(a: CachedSequence, b: CachedSequence): boolean {
  const emptiness = Number(a.tokens.length > 0) - Number(b.tokens.length > 0);
  return emptiness < 0 || (emptiness === 0 && a.lastUse < b.lastUse);
}

function sharedPrefix(cached: readonly number[], prompt: readonly number[]): number {
  const most = Math.min(cached.length, prompt.length - 1);
  let shared = 0;
  while (shared < most && cached[shared] === prompt[shared]) shared++;
  return Math.max(0, shared);
}
