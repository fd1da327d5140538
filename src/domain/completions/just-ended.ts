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
/** In UTF-16 units, of all choices: a longer one is not kept, whoever wants it asks the store. */
const longText = 65_536;

export function createJustEnded(now = () => performance.now()): JustEnded {
  const kept = new LRUCache<CompletionId, Completion>({
    max: most,
    ttl: milliseconds,
    ttlResolution: 0,
    perf: { now },
  });

  return {
    add(completion) {
      const length = completion.choices?.reduce((sum, { text }) => sum + text.length, 0) ?? 0;
      if (length <= longText) kept.set(completion.id, completion);
    },
    get: (id) => kept.get(id),
  };
}
