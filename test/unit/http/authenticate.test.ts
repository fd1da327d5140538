import { expect, test } from 'vitest';
import { DomainError } from '../../../src/contracts/errors.ts';
import { StoreUnavailableError } from '../../../src/contracts/stores/store.ts';
import type { Authenticator } from '../../../src/domain/access/authenticate.ts';
import { isAuthentic } from '../../../src/http/authenticate.ts';

const failing = (error: Error): Authenticator => ({
  authenticate: () => Promise.reject(error),
  [Symbol.dispose]() {},
});

test.each([
  ['is unknown', new DomainError('UNAUTHENTICATED', 'unknown'), false],
  ['cannot be looked up', new StoreUnavailableError('away'), true],
])('a key that %s', async (_name, error, expected) => {
  expect(await isAuthentic(failing(error), 'Bearer slc_x')).toBe(expected);
});

test('no key at all, and what is no key, are none', async () => {
  const never = failing(new Error('not asked'));
  expect(await isAuthentic(never, undefined)).toBe(false);
  expect(await isAuthentic(never, 'Basic x')).toBe(false);
});
