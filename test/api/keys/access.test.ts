import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { generateSecret } from '../../../src/lib/api-key-secret.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { type Client, createClient } from '../../kit/client.ts';
import { complete, create, refusal } from '../../kit/completions.ts';
import { openEventStream, type WireEvent } from '../../kit/event-stream.ts';
import { createKey, listKeys, revokeKey, viewerKey } from '../../kit/keys.ts';
import { changeProject } from '../../kit/projects.ts';
import { connect, openSocket } from '../../kit/socket.ts';
import { waitFor } from '../../kit/wait-for.ts';

const prompt = 'alpha beta';

describe('API keys', () => {
  let app: TestApp;
  beforeAll(async () => {
    const inference = createScriptedInference([{ name: 'open', aliases: ['default'] }, { name: 'closed' }]);
    app = await startApp({ inference });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  async function newKey(input: object = {}): Promise<{ id: string; client: Client }> {
    const { apiKey, secret } = await createKey(app.admin, { name: 'test', scopes: ['COMPLETIONS'], ...input });
    return { id: apiKey!.id, client: createClient(app.url, secret!) };
  }

  const codeOf = async (client: Client, document = '{ viewer { scopes } }') => {
    const { errors, status } = await client.request(document);
    return { code: errors?.[0]?.extensions?.code, message: errors?.[0]?.message, status };
  };

  /** By whichever way in: GraphQL over HTTP, SSE and WebSocket, and the OpenAI face. */
  async function expectRefusedEverywhere(client: Client, message: string): Promise<void> {
    expect(await codeOf(client)).toMatchObject({ code: 'UNAUTHENTICATED', message });
    using stream = await openEventStream(client, { query: '{ viewer { scopes } }' });
    const told: WireEvent[] = [];
    for await (const event of stream.events()) told.push(event);
    expect(told.map(({ event }) => event)).toEqual(['next', 'complete']);
    expect(JSON.parse(told[0]!.data).errors).toMatchObject([{ message, extensions: { code: 'UNAUTHENTICATED' } }]);
    await using socket = await connect(app.url);
    socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${client.secret}` } });
    expect(await socket.closed).toEqual({ code: 4401, reason: message });
    const openAi = await fetch(`${app.url}/v1/models`, { headers: { authorization: `Bearer ${client.secret}` } });
    expect({ status: openAi.status, body: await openAi.json() }).toMatchObject({
      status: 401,
      body: { error: { message } },
    });
  }

  it('are shown once, work at once, and are recognised by a hint that opens nothing', async () => {
    const { apiKey, secret } = await createKey(app.admin, { name: ' shown once ', scopes: ['COMPLETIONS'] });
    expect(secret).toMatch(/^slc_[0-9A-Za-z]{38}$/u);
    expect(apiKey).toMatchObject({ name: 'shown once', scopes: ['COMPLETIONS'], models: null, revokedAt: null });
    expect(secret!.startsWith(apiKey!.hint.replace('…', ''))).toBe(true);
    expect(apiKey!.hint.length).toBeLessThan(12);
    const client = createClient(app.url, secret!);
    expect((await complete(client, { model: 'open', prompt })).status).toBe('SUCCEEDED');
    expect(JSON.stringify(await listKeys(app.admin, { first: 100 }))).not.toContain(secret!.slice(9));
  });

  it('are refused at once when revoked, everywhere and for good', async () => {
    const { id, client } = await newKey();
    expect(await viewerKey(client)).toMatchObject({ id });
    const { apiKey } = await revokeKey(app.admin, id);
    expect(apiKey!.revokedAt).not.toBeNull();
    await expectRefusedEverywhere(client, 'The API key was revoked.');
    expect((await revokeKey(app.admin, id)).apiKey).toEqual(apiKey);
    expect(await codeOf(client)).toMatchObject({ code: 'UNAUTHENTICATED', message: 'The API key was revoked.' });
  });

  it('close the WebSockets they opened when they are revoked, with 4403', async () => {
    const { id, client } = await newKey();
    await using socket = await openSocket(app.url, client.secret);
    await revokeKey(app.admin, id);
    expect(await socket.closed).toEqual({ code: 4403, reason: 'The API key was revoked.' });
  });

  it('end when they expire, not before: refused everywhere, and their WebSockets closed', async () => {
    const expiresAt = new Date(Date.now() + 3_000).toISOString();
    const { client } = await newKey({ expiresAt });
    expect(await viewerKey(client)).toMatchObject({ expiresAt });
    await using socket = await openSocket(app.url, client.secret);
    expect(await socket.closed).toEqual({ code: 4403, reason: 'The API key has expired.' });
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt));
    await expectRefusedEverywhere(client, 'The API key has expired.');
  });

  it('see only the models they are limited to', async () => {
    const { client } = await newKey({ models: ['default'] });
    const { models } = await client.execute<{ models: { name: string }[] }>('{ models { name } }');
    expect(models).toEqual([{ name: 'open' }]);
    expect((await client.execute<{ model: unknown }>('{ model(name: "closed") { name } }')).model).toBeNull();
    expect((await complete(client, { model: 'default', prompt })).model).toBe('open');
    const refused = await refusal(client, { model: 'closed', prompt });
    const unknown = await refusal(client, { model: 'nothing', prompt });
    expect(refused).toMatchObject({ code: 'MODEL_NOT_FOUND' });
    expect(refused.message.replace('closed', '')).toBe(unknown.message.replace('nothing', ''));
    expect(refused.message).toContain('open');
  });

  it.each([
    ['COMPLETIONS', { completions: true, models: true, usage: false, keys: false }],
    ['MODELS_READ', { completions: false, models: true, usage: false, keys: false }],
    ['USAGE_READ', { completions: false, models: false, usage: true, keys: false }],
    ['EMBEDDINGS', { completions: false, models: false, usage: false, keys: false }],
    ['ADMIN', { completions: true, models: true, usage: true, keys: true }],
  ])('do with the scope %s what it allows, and nothing else', async (scope, allowed) => {
    const { client } = await newKey({ scopes: [scope] });
    const documents = {
      completions: '{ completions(first: 1) { edges { cursor } } }',
      models: '{ models { name } }',
      usage: '{ usageRecords(first: 1) { edges { cursor } } }',
      keys: 'mutation { revokeApiKey(input: { id: "x" }) { __typename } }',
    };
    expect((await codeOf(client)).code).toBeUndefined();
    for (const [name, document] of Object.entries(documents)) {
      const { code } = await codeOf(client, document);
      expect({ name, code }).toEqual({ name, code: allowed[name as keyof typeof allowed] ? undefined : 'FORBIDDEN' });
    }
  });

  it('are listed newest first, page by page in both directions, and to their own holder alone', async () => {
    const names = ['page 1', 'page 2', 'page 3'];
    for (const name of names) await newKey({ name });
    const first = await listKeys(app.admin, { first: 2 });
    expect(first.edges.map(({ node }) => node.name)).toEqual(['page 3', 'page 2']);
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const second = await listKeys(app.admin, { first: 1, after: first.pageInfo.endCursor });
    expect(second.edges.map(({ node }) => node.name)).toEqual(['page 1']);
    const back = await listKeys(app.admin, { last: 2, before: second.pageInfo.startCursor });
    expect(back.edges).toEqual(first.edges);
    const all = await listKeys(app.admin, { first: 100 });
    expect((await listKeys(app.admin, { last: 1 })).edges).toEqual([all.edges.at(-1)]);
    const { id, client } = await newKey();
    const own = await listKeys(client, { first: 10 });
    expect(own.edges.map(({ node }) => node.id)).toEqual([id]);
    expect((await listKeys(client, { first: 10, filter: { revoked: false } })).edges).toEqual(own.edges);
    expect((await listKeys(client, { first: 10, filter: { revoked: true } })).edges).toEqual([]);
    const other = (await changeProject(app.admin, 'createProject', { name: 'holds no key of this test' })).project!;
    expect((await listKeys(client, { first: 10, filter: { projectId: other.id } })).edges).toEqual([]);
    expect((await listKeys(client, { first: 10, after: own.pageInfo.endCursor })).edges).toEqual([]);
    expect((await listKeys(client, { last: 10, before: own.pageInfo.startCursor })).edges).toEqual([]);
    await revokeKey(app.admin, id);
    const revoked = await listKeys(app.admin, { first: 100, filter: { revoked: true } });
    expect(revoked.edges.map(({ node }) => node.id)).toContain(id);
    const holding = await listKeys(app.admin, { first: 100, filter: { revoked: false } });
    expect(holding.edges.map(({ node }) => node.id)).not.toContain(id);
  });

  it('tell when they were used last', async () => {
    const { client } = await newKey();
    const before = Date.now() - 1_000;
    await viewerKey(client);
    const lastUsedAt = await waitFor('the use to be noted', async () => (await viewerKey(client)).lastUsedAt);
    expect(Date.parse(lastUsedAt)).toBeGreaterThanOrEqual(before);
  });

  it.each([
    ['no name', { name: ' ' }, 'name'],
    ['a name that is too long', { name: 'x'.repeat(101) }, 'name'],
    ['no scopes', { scopes: [] }, 'scopes'],
    ['an unknown model', { models: ['nothing'] }, 'models'],
    ['an end in the past', { expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
    ['a limit of 0', { limits: { tokensPerDay: 0 } }, 'limits'],
    ['a name that cannot be stored', { name: 'nul \u0000' }, 'name'],
    ['half a surrogate pair in its name', { name: 'half \ud800' }, 'name'],
  ])('cannot be made with %s', async (_what, input, field) => {
    const { code, issues, apiKey } = await createKey(app.admin, { name: 'bad', scopes: ['COMPLETIONS'], ...input });
    expect(apiKey).toBeUndefined();
    expect(code).toBe('INVALID_INPUT');
    expect(issues!.map(({ path }) => path[0])).toEqual([field]);
  });

  it('of nobody, in no form, open nothing but __typename', async () => {
    const anonymous = createClient(app.url, '');
    expect((await anonymous.request('{ __typename }')).data).toEqual({ __typename: 'Query' });
    expect(await codeOf(anonymous)).toMatchObject({ code: 'UNAUTHENTICATED' });
    const wellFormed = generateSecret();
    const secrets = {
      malformed: 'slc_tooShort',
      'a wrong checksum': `${wellFormed.slice(0, -1)}${wellFormed.endsWith('0') ? '1' : '0'}`,
      unknown: wellFormed,
    };
    for (const [name, secret] of Object.entries(secrets)) {
      const { code, message } = await codeOf(createClient(app.url, secret));
      expect({ name, code }).toEqual({ name, code: 'UNAUTHENTICATED' });
      expect(message).toMatch(name === 'unknown' ? /unknown to this server/u : /malformed/u);
      expect((await create(app.admin, { model: 'open', prompt })).completion).toBeDefined();
    }
  });
});
