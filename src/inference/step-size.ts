const mostTokens = 512;

/** Tokens that one step evaluates at most, over all sequences: each has room for one. */
export function tokensPerStep({ sequences, contextSize }: { sequences: number; contextSize: number }): number {
  return Math.max(sequences, Math.min(mostTokens, contextSize));
}
