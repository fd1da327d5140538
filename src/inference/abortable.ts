import type { Settle } from '../lib/settle.ts';

/**
 * A promise for something that somebody else settles, which also rejects with the signal's reason. What `wait` returns is called
 * when the signal aborts, to leave the line.
 */
export function abortable<T>(signal: AbortSignal | undefined, wait: (settle: Settle<T>) => () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      leave();
      reject(signal?.reason);
    };
    const done = () => signal?.removeEventListener('abort', onAbort);
    signal?.addEventListener('abort', onAbort, { once: true });
    const leave = wait({
      resolve(value) {
        done();
        resolve(value);
      },
      reject(error) {
        done();
        reject(error);
      },
    });
  });
}

/** The outcome of work that goes on, for others, when the signal aborts: only this wait ends then. */
export function untilAborted<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  return abortable(signal, ({ resolve, reject }) => {
    work().then(resolve, reject);
    return () => {};
  });
}
