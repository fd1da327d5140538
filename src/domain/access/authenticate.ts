import { timingSafeEqual } from 'node:crypto';
import { DomainError } from '../../contracts/errors.ts';
import type { ApiKeyId } from '../../contracts/ids.ts';
import type { ServerSecrets } from '../../contracts/server-secrets.ts';
import type { Signals } from '../../contracts/signals.ts';
import type { ApiKey, ApiKeyStore } from '../../contracts/stores/api-keys.ts';
import { isWellFormedSecret } from '../../lib/api-key-secret.ts';
import { findBySecret } from '../keys/find-by-secret.ts';
import { hashesOf, type SecretHashes } from '../keys/hash-secret.ts';
import { type Principal, principalOf } from './principal.ts';

/** Turns the secret that a request carries into its principal. */
export interface Authenticator extends Disposable {
  /** Throws UNAUTHENTICATED with what is wrong with the key. A malformed key costs no database query. */
  authenticate(secret: string): Promise<Principal>;
}

const cacheMilliseconds = 10_000;
const cachedKeys = 10_000;
const touchMilliseconds = 60_000;

export interface AuthenticatorOptions {
  readonly apiKeys: ApiKeyStore;
  readonly signals: Signals;
  readonly serverSecrets: ServerSecrets;
  /** The operator of this process (server.json): a secret that needs no store. */
  readonly operator?: { readonly token: string; readonly principal: Principal };
  readonly now?: () => number;
}

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { apiKeys, signals, serverSecrets, operator, now = Date.now } = options;
  // Verified keys only, by their current hash: a flood of unknown keys must not push out the good ones.
  const cache = new Map<string, { readonly key: ApiKey; readonly freshUntil: number }>();
  let changes = 0;
  const lastTouched = new Map<ApiKeyId, number>();

  const forget = (isMeant: (key: ApiKey) => boolean) => {
    changes++;
    for (const [hash, { key }] of cache) if (isMeant(key)) cache.delete(hash);
  };
  const unsubscribes = [
    signals.subscribe('api-key-changed', ({ apiKeyId }) => forget(({ id }) => id === apiKeyId)),
    signals.subscribe('project-changed', ({ projectId }) => forget((key) => key.projectId === projectId)),
  ];

  async function find(hashes: SecretHashes): Promise<ApiKey | undefined> {
    const name = Buffer.from(hashes[0]).toString('base64');
    const cached = cache.get(name);
    if (cached && cached.freshUntil > now()) return cached.key;
    cache.delete(name);
    const changesBefore = changes;
    const key = await findBySecret(hashes, apiKeys);
    // What was read while a change was told of may be what was before it.
    if (!key || changes !== changesBefore) return key;
    if (cache.size >= cachedKeys) cache.delete(cache.keys().next().value!);
    cache.set(name, { key, freshUntil: now() + cacheMilliseconds });
    return key;
  }

  /**
   * Notes the use of a key, at most once a minute; a failure is not the caller's. It is noted of one under the current secret alone: who
   * replaces the secret goes by it, and a key that has not moved yet must not pass for one that has.
   */
  function touch(id: ApiKeyId, [hash]: SecretHashes): void {
    if (now() - (lastTouched.get(id) ?? 0) < touchMilliseconds) return;
    lastTouched.set(id, now());
    apiKeys.touch([{ id, hash, at: new Date(now()) }]).catch(() => lastTouched.delete(id));
  }

  return {
    async authenticate(secret) {
      if (operator && equals(secret, operator.token)) return operator.principal;
      if (!isWellFormedSecret(secret)) {
        throw unauthenticated('The API key is malformed: it starts with slc_ and ends with a checksum. Copy it whole.');
      }
      const hashes = hashesOf(secret, serverSecrets);
      const key = await find(hashes);
      if (!key) throw unauthenticated('The API key is unknown to this server.');
      if (key.revokedAt) throw unauthenticated('The API key was revoked.');
      if (key.expiresAt && key.expiresAt.getTime() <= now()) throw unauthenticated('The API key has expired.');
      touch(key.id, hashes);
      return principalOf(key, hashes);
    },
    [Symbol.dispose]() {
      for (const unsubscribe of unsubscribes) unsubscribe();
    },
  };
}

function unauthenticated(message: string): DomainError {
  return new DomainError('UNAUTHENTICATED', message);
}

function equals(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
