import { expect, it, vi } from 'vitest';
import type { ApiKey } from '../../../../src/contracts/stores/api-keys.ts';
import { findBySecret } from '../../../../src/domain/keys/find-by-secret.ts';
import { hashSecret } from '../../../../src/domain/keys/hash-secret.ts';

const secrets = { current: 'now', previous: 'before' };
const key = { name: 'key' } as ApiKey;

function storeWith(stored: () => string | undefined) {
  const findByHash = vi.fn(async (hash: Uint8Array) => {
    const under = stored();
    return under !== undefined && Buffer.from(hash).equals(hashSecret(under, 'slc_secret')) ? key : undefined;
  });
  return { findByHash, rehash: vi.fn(async () => {}) };
}

it('a key under the previous secret opens, and is moved', async () => {
  const store = storeWith(() => 'before');
  expect((await findBySecret('slc_secret', secrets, store)).key).toBe(key);
  expect(store.rehash).toHaveBeenCalledOnce();
});

it('a key opens also where moving it fails', async () => {
  const store = storeWith(() => 'before');
  store.rehash.mockRejectedValue(new Error('away'));
  expect((await findBySecret('slc_secret', secrets, store)).key).toBe(key);
});

it('a key that another node moves between two looks opens', async () => {
  let looks = 0;
  const store = storeWith(() => (looks++ === 0 ? 'before' : 'now'));
  expect((await findBySecret('slc_secret', secrets, store)).key).toBe(key);
});

it('an unknown key is written nowhere', async () => {
  const store = storeWith(() => undefined);
  expect((await findBySecret('slc_secret', secrets, store)).key).toBeUndefined();
  expect(store.rehash).not.toHaveBeenCalled();
});
