/** While answers are running, prompts are evaluated in chunks no longer than this, so that no stream stalls behind one. */
export const chunkBesideAnswers = 128;
/**
 * But a step that so many can begin with, and as large a share of those that are answering, takes all the prompts that it has room for:
 * the few that a burst finds running wait once, and the many need not begin one after the other.
 */
const fewestAtOnce = 2;
const shareAtOnce = 1 / 4;

/** How many tokens of prompts a step takes beside the choices that are answering; `prompts` is what is left of each, in their order. */
export function promptRoom(batchSize: number, answering: number, prompts: readonly number[]): number {
  const room = batchSize - answering;
  if (answering === 0) return room;
  let atOnce = 0;
  let left = room;
  for (const tokens of prompts) {
    left -= tokens;
    if (left < 0) break;
    atOnce += 1;
  }
  return atOnce >= Math.max(fewestAtOnce, answering * shareAtOnce) ? room : Math.min(room, chunkBesideAnswers);
}
