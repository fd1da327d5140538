import type { InferencePart } from '../contracts/inference.ts';
import { mergeChoices } from '../lib/merge-choices.ts';
import { createPullIterator } from '../lib/pull-iterator.ts';

/**
 * Parts on their way to the one who iterates. Deltas that were not fetched yet are merged, so that a slow consumer costs no
 * more memory than the text. Leaving the iteration acts at once, also while `next()` is pending.
 */
export interface PartQueue {
  readonly parts: AsyncIterable<InferencePart>;
  push(part: InferencePart): void;
  end(): void;
  fail(error: unknown): void;
}

export function createPartQueue(onLeave: () => void): PartQueue {
  const items: InferencePart[] = [];
  let outcome: { readonly type: 'ended' } | { readonly type: 'failed'; readonly error: unknown } | undefined;

  const { iterator, wake } = createPullIterator<InferencePart>({
    take() {
      const part = items.shift();
      if (part === undefined && outcome?.type === 'failed') throw outcome.error;
      return part;
    },
    isOver: () => items.length === 0 && outcome?.type === 'ended',
    onWait() {},
    onEnd() {
      const hasLeft = outcome === undefined;
      items.length = 0;
      outcome ??= { type: 'ended' };
      if (hasLeft) onLeave();
    },
  });

  return {
    parts: iterator,
    push(part) {
      if (outcome !== undefined) return;
      const last = items.at(-1);
      if (part.type === 'delta' && last?.type === 'delta') {
        items[items.length - 1] = { type: 'delta', choices: mergeChoices([...last.choices, ...part.choices]) };
      } else items.push(part);
      wake();
    },
    end() {
      outcome ??= { type: 'ended' };
      wake();
    },
    fail(error) {
      outcome ??= { type: 'failed', error };
      wake();
    },
  };
}
