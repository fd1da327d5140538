/**
 * Watches a stream of text for stop sequences. What could still become one is held back until it cannot, so that no part
 * of a stop sequence is ever shown, however the text is cut into pieces. The first sequence to be complete wins; of
 * several that end at the same character, the one that starts first.
 */
export interface StopMatcher {
  push(text: string): StopOutcome;
  /** The text that is still held, once nothing more will come. */
  flush(): string;
}

export interface StopOutcome {
  readonly text: string;
  readonly matched?: string;
}

export function createStopMatcher(stops: readonly string[]): StopMatcher {
  const sequences = stops.filter((stop) => stop !== '').sort((a, b) => b.length - a.length);
  let held = '';

  function longestPossibleStart(text: string): number {
    let longest = 0;
    for (const stop of sequences) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }

  return {
    push(text) {
      if (sequences.length === 0) return { text };
      const seen = held.length;
      const all = held + text;
      for (let end = seen + 1; end <= all.length; end++) {
        const matched = sequences.find((stop) => stop.length <= end && all.startsWith(stop, end - stop.length));
        if (matched !== undefined) {
          held = '';
          return { text: all.slice(0, end - matched.length), matched };
        }
      }
      const hold = longestPossibleStart(all);
      held = all.slice(all.length - hold);
      return { text: all.slice(0, all.length - hold) };
    },
    flush() {
      const rest = held;
      held = '';
      return rest;
    },
  };
}
