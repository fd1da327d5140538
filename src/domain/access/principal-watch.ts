import type { ApiKeyId } from '../../contracts/ids.ts';
import type { Signals } from '../../contracts/signals.ts';
import type { ApiKey, ApiKeyStore } from '../../contracts/stores/api-keys.ts';
import { hasScope, type Principal, principalOf } from './principal.ts';

/** Ends what a principal holds open when its key is revoked, expires, loses rights or has its secret replaced. */
export interface PrincipalWatch extends Disposable {
  /**
   * Calls back once, with a reason to show, when the principal is one no longer; the result stops watching. What changes of it
   * otherwise (a new right) is told to `onChange`.
   */
  watch(principal: Principal, onEnd: (reason: string) => void, onChange?: (principal: Principal) => void): () => void;
}

interface Watcher {
  principal: Principal;
  readonly onEnd: (reason: string) => void;
  readonly onChange: ((principal: Principal) => void) | undefined;
}

const sweepMilliseconds = 500;

export interface PrincipalWatchOptions {
  readonly apiKeys: ApiKeyStore;
  readonly signals: Signals;
  readonly now?: () => number;
}

export function createPrincipalWatch({ apiKeys, signals, now = Date.now }: PrincipalWatchOptions): PrincipalWatch {
  const watchers = new Map<ApiKeyId, Set<Watcher>>();

  function end(id: ApiKeyId, watcher: Watcher, reason: string): void {
    if (!remove(id, watcher)) return;
    watcher.onEnd(reason);
  }

  function remove(id: ApiKeyId, watcher: Watcher): boolean {
    const ofKey = watchers.get(id);
    if (!ofKey?.delete(watcher)) return false;
    if (ofKey.size === 0) watchers.delete(id);
    return true;
  }

  /** Looks the key up as each watcher came by it: what one secret may still do another may not. */
  async function review(id: ApiKeyId): Promise<void> {
    const bySecret = new Map<string, Watcher[]>();
    for (const watcher of watchers.get(id) ?? []) {
      const name = Buffer.from(watcher.principal.secretHashes?.[0] ?? []).toString('base64');
      bySecret.set(name, [...(bySecret.get(name) ?? []), watcher]);
    }
    for (const ofSecret of bySecret.values()) {
      const { secretHashes } = ofSecret[0]!.principal;
      const key = secretHashes ? (await apiKeys.findByHash(secretHashes))?.key : (await apiKeys.find([id]))[0];
      for (const watcher of ofSecret) {
        const reason = reasonToEnd(watcher.principal, key);
        if (reason) {
          end(id, watcher, reason);
          continue;
        }
        watcher.principal = principalOf(key!, secretHashes);
        watcher.onChange?.(watcher.principal);
      }
    }
  }

  const reviewQuietly = (id: ApiKeyId) => {
    review(id).catch(() => {}); // The signal was a hint; the key's cache expires by itself.
  };
  const unsubscribes = [
    signals.subscribe('api-key-changed', ({ apiKeyId }) => reviewQuietly(apiKeyId)),
    signals.subscribe('project-changed', ({ projectId }) => {
      for (const [id, ofKey] of watchers) {
        if ([...ofKey].some(({ principal }) => principal.projectId === projectId)) reviewQuietly(id);
      }
    }),
  ];

  const sweep = setInterval(() => {
    const at = now();
    for (const [id, ofKey] of [...watchers]) {
      for (const watcher of [...ofKey]) if (endOf(watcher) <= at) end(id, watcher, 'The API key has expired.');
    }
  }, sweepMilliseconds);
  sweep.unref();

  return {
    watch(principal, onEnd, onChange) {
      const { apiKeyId } = principal;
      const watcher: Watcher = { principal, onEnd, onChange };
      const ofKey = watchers.get(apiKeyId) ?? new Set();
      watchers.set(apiKeyId, ofKey.add(watcher));
      return () => void remove(apiKeyId, watcher);
    },
    [Symbol.dispose]() {
      for (const unsubscribe of unsubscribes) unsubscribe();
      clearInterval(sweep);
    },
  };
}

/** Why what was opened as the principal must not go on, or undefined where it may. */
function reasonToEnd(principal: Principal, key: ApiKey | undefined): string | undefined {
  if (!key) return "The API key's secret was replaced.";
  if (key.revokedAt) return 'The API key was revoked.';
  const now = principalOf(key);
  const keepsScopes = principal.scopes.every((scope) => hasScope(now, scope));
  const keepsModels = now.models === null || principal.models?.every((model) => now.models!.includes(model));
  return keepsScopes && keepsModels ? undefined : 'The API key lost rights. Connect again for those it has.';
}

function endOf({ principal }: Watcher): number {
  return principal.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
}
