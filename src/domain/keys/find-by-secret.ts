import type { ApiKey, ApiKeyStore } from '../../contracts/stores/api-keys.ts';
import type { SecretHashes } from './hash-secret.ts';

/** The key of a secret. One that is still stored under the server's previous secret is stored under the current one from now on. */
export async function findBySecret(
  hashes: SecretHashes,
  apiKeys: Pick<ApiKeyStore, 'findByHash' | 'rehash'>,
): Promise<ApiKey | undefined> {
  const found = await apiKeys.findByHash(hashes);
  if (!found) return undefined;
  const [current] = hashes;
  // It opens as it is; moving it can wait for the next time.
  if (!Buffer.from(found.hash).equals(current)) await apiKeys.rehash(found.hash, current).catch(() => {});
  return found.key;
}
