import { afterEach, describe, expect, it } from 'vitest';
import { createMemorySignals } from '../../../../src/bus/memory/signals.ts';
import type { ApiKeyId, ProjectId } from '../../../../src/contracts/ids.ts';
import type { ApiKey, ApiKeyStore } from '../../../../src/contracts/stores/api-keys.ts';
import { createAuthenticator } from '../../../../src/domain/access/authenticate.ts';
import { principalOf } from '../../../../src/domain/access/principal.ts';
import { hashSecret } from '../../../../src/domain/keys/hash-secret.ts';
import { noLimits } from '../../../../src/domain/quotas/limits-input.ts';
import { generateSecret } from '../../../../src/lib/api-key-secret.ts';

const serverSecret = 'a secret of the server';
const serverSecrets = { current: serverSecret, previous: undefined };
const secret = generateSecret();

describe('authentication', () => {
  let at = Date.parse('2026-03-01T12:00:00Z');
  const signals = createMemorySignals();
  const opened: Disposable[] = [];
  afterEach(() => {
    for (const one of opened.splice(0)) one[Symbol.dispose]();
  });

  function open(changes: Partial<ApiKey> = {}) {
    let key: ApiKey = {
      id: 'key' as ApiKeyId,
      projectId: 'project' as ProjectId,
      name: 'test',
      hint: 'slc_…',
      scopes: ['COMPLETIONS'],
      models: null,
      limits: noLimits,
      createdAt: new Date(at),
      expiresAt: null,
      revokedAt: null,
      lastUsedAt: null,
      previousSecretExpiresAt: null,
      ...changes,
    };
    const queries: string[] = [];
    const apiKeys = {
      async findByHash(hashes) {
        queries.push('findByHash');
        const hash = hashSecret(serverSecret, secret);
        return hashes.some((one) => Buffer.from(one).equals(hash)) ? { key, hash } : undefined;
      },
      async touch() {
        queries.push('touch');
      },
    } as Partial<ApiKeyStore> as ApiKeyStore;
    const operator = { token: 'operator-token', principal: principalOf({ ...key, name: 'operator' }) };
    const authenticator = createAuthenticator({ apiKeys, signals, serverSecrets, operator, now: () => at });
    opened.push(authenticator);
    return { authenticator, queries, change: (more: Partial<ApiKey>) => (key = { ...key, ...more }) };
  }

  it.each([['', 'slc_', 'nonsense', `${secret}x`, secret.slice(0, -1), secret.toLowerCase(), `x${secret}`]])(
    'asks no database about a malformed key',
    async (...secrets) => {
      const { authenticator, queries } = open();
      for (const malformed of secrets) {
        await expect(authenticator.authenticate(malformed)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      }
      expect(queries).toEqual([]);
    },
  );

  it('asks for a key once in a while, and notes its use once a minute', async () => {
    const { authenticator, queries } = open();
    for (let i = 0; i < 5; i++) expect((await authenticator.authenticate(secret)).name).toBe('test');
    expect(queries).toEqual(['findByHash', 'touch']);
    at += 10_001;
    await authenticator.authenticate(secret);
    expect(queries).toEqual(['findByHash', 'touch', 'findByHash']);
    at += 60_000;
    await authenticator.authenticate(secret);
    expect(queries.filter((query) => query === 'touch')).toHaveLength(2);
  });

  it('remembers no unknown key, so that one that is made meanwhile works at once', async () => {
    const { authenticator, queries } = open();
    const unknown = generateSecret();
    for (let i = 0; i < 3; i++) {
      await expect(authenticator.authenticate(unknown)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    }
    expect(queries).toHaveLength(3);
  });

  it('refuses a revoked key from the signal on, and without one within ten seconds', async () => {
    const { authenticator, change } = open();
    await authenticator.authenticate(secret);
    change({ revokedAt: new Date(at) });
    expect((await authenticator.authenticate(secret)).name).toBe('test');
    signals.publish({ type: 'api-key-changed', apiKeyId: 'key' as ApiKeyId });
    await expect(authenticator.authenticate(secret)).rejects.toThrow('The API key was revoked.');

    const deaf = open();
    await deaf.authenticator.authenticate(secret);
    deaf.change({ revokedAt: new Date(at) });
    at += 10_001;
    await expect(deaf.authenticator.authenticate(secret)).rejects.toThrow('The API key was revoked.');
  });

  it('refuses a key from the moment it expires, remembered or not', async () => {
    const { authenticator } = open({ expiresAt: new Date(at + 1_000) });
    await authenticator.authenticate(secret);
    at += 1_000;
    await expect(authenticator.authenticate(secret)).rejects.toThrow('The API key has expired.');
  });

  it('knows the operator of this process without asking', async () => {
    const { authenticator, queries } = open();
    expect((await authenticator.authenticate('operator-token')).name).toBe('operator');
    expect(queries).toEqual([]);
  });
});
