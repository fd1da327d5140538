import type { ApiKeyId } from '../../contracts/ids.ts';
import type { Signals } from '../../contracts/signals.ts';
import type { ApiKeyStore } from '../../contracts/stores.ts';
import type { Principal } from './principal.ts';

/** Ends what a principal holds open when its key is revoked or expires. */
export interface PrincipalWatch extends Disposable {
  /** Calls back once, with a reason to show, when the principal is one no longer; the result stops watching. */
  watch(principal: Principal, onEnd: (reason: string) => void): () => void;
}

interface Watcher {
  readonly expiresAt: number;
  readonly onEnd: (reason: string) => void;
}

const sweepMilliseconds = 500;

export interface PrincipalWatchOptions {
  readonly apiKeys: ApiKeyStore;
  readonly signals: Signals;
  readonly now?: () => number;
}

export function createPrincipalWatch({ apiKeys, signals, now = Date.now }: PrincipalWatchOptions): PrincipalWatch {
  const watchers = new Map<ApiKeyId, Set<Watcher>>();

  function end(id: ApiKeyId, reason: string, ended: (watcher: Watcher) => boolean): void {
    for (const watcher of [...(watchers.get(id) ?? [])]) {
      if (!ended(watcher)) continue;
      remove(id, watcher);
      watcher.onEnd(reason);
    }
  }

  function remove(id: ApiKeyId, watcher: Watcher): void {
    const ofKey = watchers.get(id);
    if (ofKey?.delete(watcher) && ofKey.size === 0) watchers.delete(id);
  }

  const unsubscribe = signals.subscribe('api-key-changed', ({ apiKeyId }) => {
    if (!watchers.has(apiKeyId)) return;
    apiKeys.find([apiKeyId]).then(
      ([key]) => {
        if (!key || key.revokedAt) end(apiKeyId, 'The API key was revoked.', () => true);
      },
      () => {}, // The signal was a hint; the key's cache expires by itself.
    );
  });

  const sweep = setInterval(() => {
    const at = now();
    for (const id of [...watchers.keys()]) end(id, 'The API key has expired.', ({ expiresAt }) => expiresAt <= at);
  }, sweepMilliseconds);
  sweep.unref();

  return {
    watch({ apiKeyId, expiresAt }, onEnd) {
      const watcher: Watcher = { expiresAt: expiresAt?.getTime() ?? Number.POSITIVE_INFINITY, onEnd };
      const ofKey = watchers.get(apiKeyId) ?? new Set();
      watchers.set(apiKeyId, ofKey.add(watcher));
      return () => remove(apiKeyId, watcher);
    },
    [Symbol.dispose]() {
      unsubscribe();
      clearInterval(sweep);
    },
  };
}
