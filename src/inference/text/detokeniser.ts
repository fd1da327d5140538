/** Text of tokens in the light of those before them, as the model's vocabulary spells it; invalid bytes become U+FFFD. */
export type Detokenise = (tokens: readonly number[], before: readonly number[]) => string;

const replacement = '\uFFFD';
/** An unfinished character has at most three bytes, and every token with text has at least one. */
const tokensOfUnfinishedCharacter = 3;
/** What of the prompt decides how the first tokens are spelled (a leading space, for example). */
const contextTokens = 4;

/**
 * Turns sampled tokens into whole characters. A character that spans tokens comes with its last one; bytes that are
 * invalid, or a U+FFFD that the model means, come one token late at most.
 */
export interface Detokeniser {
  push(token: number): string;
  /** The text that is still held, where the model ends by itself: a U+FFFD that it means, or an unfinished character as one. */
  flush(): string;
}

export function createDetokeniser(detokenise: Detokenise, promptTokens: readonly number[]): Detokeniser {
  let before = promptTokens.slice(-contextTokens);
  let pending: number[] = [];
  let shownOfPending = 0;

  function settle(): void {
    before = [...before, ...pending].slice(-contextTokens);
    pending = [];
    shownOfPending = 0;
  }

  return {
    push(token) {
      const hasText = pending.length > 0 ? detokenise([token], []) !== '' : true;
      if (!hasText) return '';
      pending.push(token);
      const text = detokenise(pending, before);
      const whole = text.endsWith(replacement) ? text.length - 1 : text.length;
      const shown = text.slice(shownOfPending, whole);
      shownOfPending = Math.max(shownOfPending, whole);
      if (whole === text.length) {
        if (text !== '') settle();
        else pending = [];
      } else if (pending.length > tokensOfUnfinishedCharacter) {
        const dropped = pending.slice(0, -tokensOfUnfinishedCharacter);
        before = [...before, ...dropped].slice(-contextTokens);
        pending = pending.slice(-tokensOfUnfinishedCharacter);
        shownOfPending = Math.max(0, detokenise(pending, before).length - 1);
      }
      return shown;
    },
    flush() {
      const rest = pending.length === 0 ? '' : detokenise(pending, before).slice(shownOfPending);
      settle();
      return rest;
    },
  };
}
