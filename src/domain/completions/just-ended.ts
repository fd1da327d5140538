import { LRUCache } from 'lru-cache';
import type { CompletionId } from '../../contracts/ids.ts';
import type { Completion } from '../../contracts/stores/completions.ts';

/**
 * The completions that this process ended last, as the store answered their settlement. Everybody who reads one to its end asks for it
 * next, which then costs no query. What has ended changes no more but by retention, for which a second is nothing.
 */
export interface JustEnded {
  add(completion: Completion): void;
  get(id: CompletionId): Completion | undefined;
}

const milliseconds = 1_000;
const most = 64;
/** In UTF-16 units, of prompt and answers: who wants one that is longer asks the store. */
const longest = 65_536;

export function createJustEnded(now = () => performance.now()): JustEnded {
  const kept = new LRUCache<CompletionId, Completion>({
    max: most,
    maxEntrySize: longest,
    sizeCalculation: unitsOf,
    ttl: milliseconds,
    ttlResolution: 0,
    perf: { now },
  });
  return {
    add: (completion) => kept.set(completion.id, completion),
    get: (id) => kept.get(id),
  };
}

function unitsOf({ choices, request }: Completion): number {
  const texts = [request?.prompt, ...(request?.messages ?? []).map(({ content }) => content)];
  for (const { text } of choices ?? []) texts.push(text);
  return texts.reduce((units, text) => units + (text?.length ?? 0), 1 + (request?.tokens?.length ?? 0));
}
