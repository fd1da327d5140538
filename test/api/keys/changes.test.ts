import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { type Client, createClient } from '../../kit/client.ts';
import { create, events, refusal } from '../../kit/completions.ts';
import { createKey, type KeyView, revokeKey, rotateKey, updateKey, viewerKey } from '../../kit/keys.ts';
import { openSocket } from '../../kit/socket.ts';
import { viewerLimits } from '../../kit/usage.ts';

const prompt = 'alpha beta';
const unauthenticated = { code: 'UNAUTHENTICATED' };

describe('a key that changes', () => {
  let app: TestApp;
  beforeAll(async () => {
    const inference = createScriptedInference([{ name: 'open' }, { name: 'closed' }]);
    app = await startApp({ inference });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  async function newKey(input: object = {}): Promise<{ id: string; client: Client }> {
    const { apiKey, secret } = await createKey(app.admin, { name: 'test', scopes: ['COMPLETIONS'], ...input });
    return { id: apiKey!.id, client: createClient(app.url, secret!) };
  }

  const codeOf = async (client: Client, document = '{ viewer { scopes } }') => {
    const { errors } = await client.request(document);
    return { code: errors?.[0]?.extensions?.code };
  };

  describe('by an update', () => {
    it('keeps what is left out, and takes null for all models, no end and no limit', async () => {
      const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
      const { id, client } = await newKey({
        models: ['open'],
        expiresAt,
        limits: { tokensPerDay: 5, tokensPerMonth: 9 },
      });
      const renamed = (await updateKey(app.admin, { id, name: ' renamed ' })).apiKey;
      expect(renamed).toMatchObject({ id, name: 'renamed', scopes: ['COMPLETIONS'], models: ['open'], expiresAt });
      const freed = await updateKey(app.admin, { id, models: null, expiresAt: null, limits: { tokensPerDay: null } });
      expect(freed.apiKey).toMatchObject({ name: 'renamed', models: null, expiresAt: null });
      expect((await viewerLimits(client)).map(({ name, limit }) => [name, limit])).toEqual([['TOKENS_PER_MONTH', '9']]);
      await updateKey(app.admin, { id, limits: null });
      expect(await viewerLimits(client)).toEqual([]);
    });

    it('holds at once for the next request: scopes, models, limits and end', async () => {
      const { id, client } = await newKey();
      expect((await create(client, { model: 'closed', prompt })).completion).toBeDefined();
      await updateKey(app.admin, { id, models: ['open'] });
      expect(await refusal(client, { model: 'closed', prompt })).toMatchObject({ code: 'MODEL_NOT_FOUND' });
      await updateKey(app.admin, { id, limits: { tokensPerDay: 1 } });
      expect(await refusal(client, { model: 'open', prompt })).toMatchObject({ code: 'QUOTA_EXCEEDED' });
      await updateKey(app.admin, { id, scopes: ['USAGE_READ'] });
      expect(await codeOf(client, '{ models { name } }')).toEqual({ code: 'FORBIDDEN' });
      expect(await codeOf(client, '{ usageRecords(first: 1) { edges { cursor } } }')).toEqual({ code: undefined });
    });

    it('closes the sockets that would go on with rights it lost, and lets the others be', async () => {
      const { id, client } = await newKey({ scopes: ['COMPLETIONS', 'USAGE_READ'] });
      await using socket = await openSocket(app.url, client.secret);
      await updateKey(app.admin, { id, name: 'only a name' });
      await updateKey(app.admin, { id, scopes: ['COMPLETIONS', 'USAGE_READ', 'ADMIN'] });
      await updateKey(app.admin, { id, scopes: ['USAGE_READ'] });
      expect(await socket.closed).toMatchObject({ code: 4403, reason: expect.stringContaining('lost rights') });
    });

    it.each([
      ['no scopes', { scopes: [] }, 'scopes'],
      ['an unknown model', { models: ['nothing'] }, 'models'],
      ['an end in the past', { expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
      ['an empty name', { name: ' ' }, 'name'],
      ['a name of null', { name: null }, 'name'],
      ['a limit that no counter holds', { limits: { tokensPerDay: '9223372036854775808' } }, 'limits'],
    ])('is refused with %s, and stays as it was', async (_what, changes, field) => {
      const { id, client } = await newKey();
      const before = { ...(await viewerKey(client)), lastUsedAt: null };
      const { code, issues } = await updateKey(app.admin, { id, ...changes });
      expect({ code, fields: issues?.map(({ path }) => path[0]) }).toEqual({ code: 'INVALID_INPUT', fields: [field] });
      expect({ ...(await viewerKey(client)), lastUsedAt: null }).toEqual(before);
    });

    it('is refused for a revoked and for an unknown key', async () => {
      const { id } = await newKey();
      await revokeKey(app.admin, id);
      expect(await updateKey(app.admin, { id, name: 'x' })).toMatchObject({ code: 'INVALID_INPUT' });
      expect(await rotateKey(app.admin, { id })).toMatchObject({ code: 'INVALID_INPUT' });
      const unknown = Buffer.from('ApiKey:01890000-0000-7000-8000-000000000000').toString('base64url');
      expect(await updateKey(app.admin, { id: unknown, name: 'x' })).toMatchObject({ code: 'NOT_FOUND' });
      expect(await rotateKey(app.admin, { id: 'nonsense' })).toMatchObject({ code: 'NOT_FOUND' });
    });
  });

  describe('by a rotation', () => {
    const rotated = async (id: string, graceSeconds?: number): Promise<{ client: Client; apiKey: KeyView }> => {
      const { apiKey, secret } = await rotateKey(app.admin, {
        id,
        ...(graceSeconds === undefined ? {} : { graceSeconds }),
      });
      return { apiKey: apiKey!, client: createClient(app.url, secret!) };
    };

    it('opens with both secrets during the grace, as the same key', async () => {
      const { id, client: old } = await newKey();
      const { client, apiKey } = await rotated(id);
      expect(client.secret).not.toBe(old.secret);
      expect((await viewerKey(client)).id).toBe(id);
      expect((await viewerKey(old)).id).toBe(id);
      const grace = Date.parse(apiKey.previousSecretExpiresAt!) - Date.now();
      expect(Math.abs(grace - 86_400_000)).toBeLessThan(60_000);
    });

    it('again replaces the new secret and never prolongs the old one', async () => {
      const { id, client: old } = await newKey();
      const first = await rotated(id, 600);
      const second = await rotated(id, 86_400);
      expect(second.apiKey.previousSecretExpiresAt).toBe(first.apiKey.previousSecretExpiresAt);
      expect(await codeOf(first.client)).toEqual(unauthenticated);
      expect((await viewerKey(old)).id).toBe(id);
      expect((await viewerKey(second.client)).id).toBe(id);
    });

    it('ends the old secret with the grace, and with it what it opened', async () => {
      const { id, client: old } = await newKey();
      await using socket = await openSocket(app.url, old.secret);
      const { client } = await rotated(id, 2);
      expect(await socket.closed).toMatchObject({ code: 4403, reason: 'The API key has expired.' });
      expect(await codeOf(old)).toEqual(unauthenticated);
      expect((await viewerKey(client)).id).toBe(id);
      // The next rotation starts a grace of its own: nothing is left of the one before.
      const next = await rotated(id, 600);
      expect((await viewerKey(client)).id).toBe(id);
      expect((await viewerKey(next.client)).id).toBe(id);
    });

    it('without a grace ends the old secret at once, everywhere', async () => {
      const { id, client: old } = await newKey();
      await viewerKey(old);
      await using socket = await openSocket(app.url, old.secret);
      await rotated(id, 0);
      expect(await codeOf(old)).toEqual(unauthenticated);
      expect(await socket.closed).toMatchObject({ code: 4403 });
    });

    it('of a revoked key lets no secret through, in no grace', async () => {
      const { id, client: old } = await newKey();
      const { client } = await rotated(id);
      await revokeKey(app.admin, id);
      for (const one of [old, client]) expect(await codeOf(one)).toEqual(unauthenticated);
    });

    it('sent many times at once leaves one new secret and the old one', async () => {
      const { id, client: old } = await newKey();
      const answers = await Promise.all(Array.from({ length: 8 }, () => rotated(id, 600)));
      const codes = await Promise.all(answers.map(({ client }) => codeOf(client)));
      expect(codes.filter(({ code }) => code === undefined)).toHaveLength(1);
      expect((await viewerKey(old)).id).toBe(id);
    });
  });

  it('that loses its scope ends the stream that it reads', async () => {
    const inference = createScriptedInference([{ name: 'open' }]);
    await using held = await startApp({ inference });
    const { apiKey, secret } = await createKey(held.admin, { name: 'reader', scopes: ['COMPLETIONS'] });
    const client = createClient(held.url, secret!);
    inference.hold();
    const { completion } = await create(client, { model: 'open', prompt, mode: 'BACKGROUND' });
    const reading = (async () => {
      for await (const event of events(client, { id: completion!.id })) {
        if (event.__typename === 'CompletionStarted') {
          await updateKey(held.admin, { id: apiKey!.id, scopes: ['MODELS_READ', 'USAGE_READ'] });
        }
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 4403 });
    inference.release();
  });
});
