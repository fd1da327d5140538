import type { Principal } from '../../src/domain/access/principal.ts';
import type * as principalWatch from '../../src/domain/access/principal-watch.ts';
import type * as pullIterator from '../../src/lib/pull-iterator.ts';

/**
 * What servers in this process hold open for clients. Counted where it is handed out, by modules that a test puts in the place of the
 * real ones: `vi.mock(path, async (original) => countIterators(await original()))`.
 */
export interface HeldOpen {
  /** Readers of logs and of stored events, subscriptions to pool and usage, parts of engines. */
  readonly iterators: number;
  /** Sockets and streams whose key is watched. */
  readonly watches: number;
}

const counts = { iterators: 0, watches: 0 };

export function heldOpen(): HeldOpen {
  return { ...counts };
}

export function countIterators(real: typeof pullIterator): typeof pullIterator {
  return {
    ...real,
    createPullIterator(source, signal) {
      if (!signal?.aborted) counts.iterators++;
      return real.createPullIterator(
        {
          take: () => source.take(),
          isOver: () => source.isOver(),
          onWait: () => source.onWait(),
          onEnd() {
            counts.iterators--;
            source.onEnd();
          },
        },
        signal,
      );
    },
  };
}

export function countWatches(real: typeof principalWatch): typeof principalWatch {
  return {
    ...real,
    createPrincipalWatch(options) {
      const watch = real.createPrincipalWatch(options);
      return {
        watch(principal: Principal, onEnd, onChange) {
          const end = counted();
          const unwatch = watch.watch(
            principal,
            (reason) => {
              end();
              onEnd(reason);
            },
            onChange,
          );
          return () => {
            end();
            unwatch();
          };
        },
        [Symbol.dispose]: () => watch[Symbol.dispose](),
      };
    },
  };
}

function counted(): () => void {
  let open = true;
  counts.watches++;
  return () => {
    if (open) counts.watches--;
    open = false;
  };
}
