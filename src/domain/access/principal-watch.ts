import type { ApiKeyId } from '../../contracts/ids.ts';
import type { Signals } from '../../contracts/signals.ts';
import type { ApiKey, ApiKeyStore } from '../../contracts/stores/api-keys.ts';
import { hasScope, type Principal, principalOf } from './principal.ts';

/**
 * Ends what a principal holds open when its key is revoked, expires, loses rights or has its secret replaced: in this process at once,
 * elsewhere within ten seconds.
 */
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
/** As long as a key may be remembered for new requests: no longer is what another node changed unseen. */
const reviewMilliseconds = 10_000;

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

  /** Looks the keys up as each watcher came by them: what one secret may still do another may not. */
  async function review(ids: Iterable<ApiKeyId>): Promise<void> {
    const bySecret = new Map<string, Watcher[]>();
    for (const watcher of [...ids].flatMap((id) => [...(watchers.get(id) ?? [])])) {
      const name = secretNameOf(watcher.principal);
      bySecret.set(name, [...(bySecret.get(name) ?? []), watcher]);
    }
    const keys = await keysOf([...bySecret.values()].map(([watcher]) => watcher!.principal));
    for (const [index, ofSecret] of [...bySecret.values()].entries()) {
      for (const watcher of ofSecret) apply(watcher, keys[index]);
    }
  }

  /** One look for all secrets. The operator has none, and is looked up by the key itself. */
  async function keysOf(principals: readonly Principal[]): Promise<readonly (ApiKey | undefined)[]> {
    const secrets = principals.flatMap(({ secretHashes }) => (secretHashes ? [secretHashes] : []));
    const ids = principals.flatMap(({ secretHashes, apiKeyId }) => (secretHashes ? [] : [apiKeyId]));
    const found = secrets.length > 0 ? await apiKeys.findEachByHash(secrets) : [];
    const bySecret = new Map(secrets.map((secret, index) => [secret, found[index]?.key]));
    const byId = new Map((ids.length > 0 ? await apiKeys.find(ids) : []).map((key) => [key.id, key]));
    return principals.map(({ secretHashes, apiKeyId }) =>
      secretHashes ? bySecret.get(secretHashes) : byId.get(apiKeyId),
    );
  }

  function apply(watcher: Watcher, key: ApiKey | undefined): void {
    const { apiKeyId, secretHashes } = watcher.principal;
    const reason = reasonToEnd(watcher.principal, key);
    if (reason) {
      end(apiKeyId, watcher, reason);
      return;
    }
    watcher.principal = principalOf(key!, secretHashes);
    watcher.onChange?.(watcher.principal);
  }

  /** A signal is a hint, and a database that is away is asked again: what a review misses, the next one sees. */
  const reviewQuietly = (ids: Iterable<ApiKeyId>) => review(ids).catch(() => {});
  const unsubscribes = [
    signals.subscribe('api-key-changed', ({ apiKeyId }) => void reviewQuietly([apiKeyId])),
    signals.subscribe('project-changed', ({ projectId }) => {
      const isMeant = ({ principal }: Watcher) => principal.projectId === projectId;
      void reviewQuietly([...watchers].flatMap(([id, ofKey]) => ([...ofKey].some(isMeant) ? [id] : [])));
    }),
  ];

  const sweep = setInterval(() => {
    const at = now();
    for (const [id, ofKey] of [...watchers]) {
      for (const watcher of [...ofKey]) if (endOf(watcher) <= at) end(id, watcher, 'The API key has expired.');
    }
  }, sweepMilliseconds);
  sweep.unref();

  let reviewing = false;
  const reviews = setInterval(async () => {
    if (reviewing) return;
    reviewing = true;
    await reviewQuietly(watchers.keys());
    reviewing = false;
  }, reviewMilliseconds);
  reviews.unref();

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
      clearInterval(reviews);
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

function secretNameOf({ secretHashes, apiKeyId }: Principal): string {
  return secretHashes ? Buffer.from(secretHashes[0]).toString('base64') : apiKeyId;
}

function endOf({ principal }: Watcher): number {
  return principal.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
}
