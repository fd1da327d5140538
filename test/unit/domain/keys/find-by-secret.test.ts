import { expect, it, vi } from 'vitest';
import type { ApiKey, FoundByHash } from '../../../../src/contracts/stores/api-keys.ts';
import { findBySecret } from '../../../../src/domain/keys/find-by-secret.ts';
import { hashesOf, hashSecret } from '../../../../src/domain/keys/hash-secret.ts';

const hashes = hashesOf('slc_secret', { current: 'now', previous: 'before' });
const key = { name: 'key' } as ApiKey;

function storeWith(serverSecret?: string) {
  const found = serverSecret === undefined ? undefined : { key, hash: hashSecret(serverSecret, 'slc_secret') };
  return { findByHash: vi.fn(async (): Promise<FoundByHash | undefined> => found), rehash: vi.fn(async () => {}) };
}

it('a key under the previous secret opens, and is moved', async () => {
  const store = storeWith('before');
  expect(await findBySecret(hashes, store)).toBe(key);
  expect(store.rehash).toHaveBeenCalledExactlyOnceWith(hashes[1], hashes[0]);
});

it('a key opens also where moving it fails', async () => {
  const store = storeWith('before');
  store.rehash.mockRejectedValue(new Error('away'));
  expect(await findBySecret(hashes, store)).toBe(key);
});

it.each([
  ['a key under the current secret', 'now', key],
  ['an unknown key', undefined, undefined],
])('%s costs one look and no write', async (_, serverSecret, expected) => {
  const store = storeWith(serverSecret);
  expect(await findBySecret(hashes, store)).toBe(expected);
  expect(store.findByHash).toHaveBeenCalledExactlyOnceWith(hashes);
  expect(store.rehash).not.toHaveBeenCalled();
});
