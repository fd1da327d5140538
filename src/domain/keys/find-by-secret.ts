import type { ApiKey, ApiKeyStore } from '../../contracts/stores/api-keys.ts';
import type { ServerSecrets } from '../access/server-secret.ts';
import { hashSecret } from './hash-secret.ts';

export interface FoundBySecret {
  readonly key: ApiKey | undefined;
  /** Under which it is stored. */
  readonly hash: Uint8Array;
}

/** The key of a secret. One that is still stored under the server's previous secret is stored under the current one from now on. */
export async function findBySecret(
  secret: string,
  { current, previous }: ServerSecrets,
  { findByHash, rehash }: Pick<ApiKeyStore, 'findByHash' | 'rehash'>,
): Promise<FoundBySecret> {
  const hash = hashSecret(current, secret);
  const key = await findByHash(hash);
  if (key || previous === undefined) return { key, hash };
  const previousHash = hashSecret(previous, secret);
  const stored = await findByHash(previousHash);
  // Not there either: unknown, or just moved by another node.
  if (!stored) return { key: await findByHash(hash), hash };
  // It opens as it is; moving it can wait for the next time.
  await rehash(previousHash, hash).catch(() => {});
  return { key: stored, hash };
}
