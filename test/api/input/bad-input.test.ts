import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../../src/inference/scripted.ts';
import { generateSecret } from '../../../src/lib/api-key-secret.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { type Client, createClient } from '../../kit/client.ts';
import { complete, completionFields, eventsRefusal, find, refusal } from '../../kit/completions.ts';
import { createKey, revokeKey } from '../../kit/keys.ts';

const model = 'scripted';
const prompt = 'alpha beta';
const half = 'half a pair: \ud83d';
const nul = 'nul: \u0000';

describe('bad input', () => {
  let inference: ScriptedInference;
  let app: TestApp;
  let client: Client;

  beforeAll(async () => {
    inference = createScriptedInference([{ name: model, contextSize: 64 }]);
    app = await startApp({ inference });
    client = await app.newClient();
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it.each([
    ['no key', '', /^Send an API key: Authorization: Bearer slc_/u],
    ['a malformed key', 'slc_nonsense', /malformed.*Copy it whole/u],
  ])('is answered with UNAUTHENTICATED for %s', async (_name, secret, message) => {
    const answer = await createClient(app.url, secret).request(
      `mutation ($input: CreateCompletionInput!) {
      createCompletion(input: $input) { __typename } }`,
      { input: { model, prompt } },
    );
    expect(answer.errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED');
    expect(answer.errors?.[0]?.message).toMatch(message);
    expect(answer.data ?? null).toBeNull();
  });

  it('is answered with UNAUTHENTICATED for a revoked key, that said', async () => {
    const { apiKey, secret } = await createKey(app.admin, { name: 'revoked', scopes: ['COMPLETIONS'] });
    await revokeKey(app.admin, apiKey!.id);
    const { errors } = await createClient(app.url, secret!).request('{ viewer { scopes } }');
    expect(errors?.[0]).toMatchObject({ message: 'The API key was revoked.', extensions: { code: 'UNAUTHENTICATED' } });
  });

  it('is answered with MODEL_NOT_FOUND for an unknown model, with the names there are', async () => {
    const error = await refusal(client, { model: 'gpt-17', prompt });
    expect(error).toMatchObject({ __typename: 'ModelNotFoundError', code: 'MODEL_NOT_FOUND' });
    expect(error.message).toBe('There is no model "gpt-17" for this API key. Models for this key: scripted.');
  });

  it.each<[string, object, string, RegExp]>([
    [
      'both prompt and messages',
      { messages: [{ role: 'USER', content: 'Hi' }] },
      'prompt',
      /exactly one.*prompt and messages given/u,
    ],
    ['neither prompt nor messages', { prompt: undefined }, 'prompt', /exactly one.*none given/u],
    ['an empty prompt', { prompt: '' }, 'prompt', /must not be empty/u],
    ['no messages', { prompt: undefined, messages: [] }, 'messages', /must not be empty/u],
    ['maxTokens 0', { maxTokens: 0 }, 'maxTokens', />=1/u],
    ['negative maxTokens', { maxTokens: -5 }, 'maxTokens', />=1/u],
    ['a temperature above 2', { temperature: 2.1 }, 'temperature', /<=2/u],
    ['a negative temperature', { temperature: -0.1 }, 'temperature', />=0/u],
    ['a topP above 1', { topP: 1.1 }, 'topP', /<=1/u],
    ['a negative topK', { topK: -1 }, 'topK', />=0/u],
    ['a minP above 1', { minP: 2 }, 'minP', /<=1/u],
    ['a presence penalty above 2', { presencePenalty: 3 }, 'presencePenalty', /<=2/u],
    ['a frequency penalty below −2', { frequencyPenalty: -3 }, 'frequencyPenalty', />=-2/u],
    ['a repeat penalty of 0', { repeatPenalty: 0 }, 'repeatPenalty', />=0.1/u],
    ['n 0', { n: 0 }, 'n', />=1/u],
    ['n above the limit', { n: 9 }, 'n', /<=8/u],
    ['100 stop strings', { stop: Array.from({ length: 100 }, (_, i) => `s${i}`) }, 'stop', /<=16/u],
    ['an empty stop string', { stop: ['ok', ''] }, 'stop', /must not be empty/u],
    ['a stop string that is too long', { stop: ['x'.repeat(513)] }, 'stop', /<=512/u],
    ['a negative seed', { seed: -1 }, 'seed', />=0/u],
    ['a seed of 2³²', { seed: 4_294_967_296 }, 'seed', /<=4294967295/u],
    ['timeoutSeconds 0', { timeoutSeconds: 0 }, 'timeoutSeconds', />0/u],
    ['a priority of 101', { priority: 101 }, 'priority', /<=100/u],
    ['an empty idempotencyKey', { idempotencyKey: '' }, 'idempotencyKey', /must not be empty/u],
    ['an idempotencyKey of 256', { idempotencyKey: 'k'.repeat(256) }, 'idempotencyKey', /<=255/u],
    ['a user tag of 256', { user: 'u'.repeat(256) }, 'user', /<=255/u],
    ['metadata over 16 KiB', { metadata: { text: 'm'.repeat(16_384) } }, 'metadata', /over 16384 bytes/u],
    ['logitBias for no token', { logitBias: { word: 1 } }, 'logitBias', /not a token id/u],
    ['a logitBias of 101', { logitBias: { 5: 101 } }, 'logitBias', /<=100/u],
    ['a logitBias of a list', { logitBias: [1, 2] }, 'logitBias', /record|object/u],
    ['half a surrogate pair in the prompt', { prompt: half }, 'prompt', /lone surrogate/u],
    [
      'half a surrogate pair in a message',
      { prompt: undefined, messages: [{ role: 'USER', content: half }] },
      'messages',
      /lone surrogate/u,
    ],
    ['half a surrogate pair in stop', { stop: [half] }, 'stop', /lone surrogate/u],
    ['half a surrogate pair in user', { user: half }, 'user', /lone surrogate/u],
    ['half a surrogate pair in idempotencyKey', { idempotencyKey: half }, 'idempotencyKey', /lone surrogate/u],
    ['NUL in user', { user: nul }, 'user', /NUL/u],
    ['NUL in idempotencyKey', { idempotencyKey: nul }, 'idempotencyKey', /NUL/u],
  ])('is answered with INVALID_INPUT for %s, which says where and why', async (_name, changes, field, message) => {
    const error = await refusal(client, { model, prompt, ...changes });
    expect(error).toMatchObject({ __typename: 'InvalidInputError', code: 'INVALID_INPUT' });
    expect(error.issues).toHaveLength(1);
    expect(error.issues![0]!.path[0]).toBe(field);
    expect(error.issues![0]!.message).toMatch(message);
    expect(error.message).toContain(`${field}`);
  });

  it('names every broken rule at once', async () => {
    const error = await refusal(client, { model, prompt, maxTokens: 0, temperature: 9, n: 0 });
    expect(error.issues!.map(({ path }) => path[0]).sort()).toEqual(['maxTokens', 'n', 'temperature']);
  });

  it.each([
    ['an unknown enum value', { model, prompt, mode: 'LATER' }, /"LATER" does not exist in "CompletionMode"/u],
    [
      'an unknown role',
      { model, messages: [{ role: 'ROBOT', content: 'x' }] },
      /"ROBOT" does not exist in "ChatRole"/u,
    ],
    ['an unknown field', { model, prompt, max_tokens: 5 }, /"max_tokens" is not defined.*Did you mean "maxTokens"/u],
    ['text for a number', { model, prompt, maxTokens: 'many' }, /Int cannot represent.*"many"/u],
    ['infinity', { model, prompt, temperature: '1e999' }, /Float cannot represent/u],
    ['no model', { prompt }, /"model" of required type/u],
  ])('is answered by GraphQL itself for %s, as INVALID_INPUT or the code it gives', async (_name, input, message) => {
    const { errors, data } = await client.request(
      `mutation ($input: CreateCompletionInput!) { createCompletion(input: $input) { __typename } }`,
      { input },
    );
    expect(data ?? null).toBeNull();
    expect(errors?.[0]?.message).toMatch(message);
    expect(errors?.[0]?.extensions?.code).toMatch(/^(INVALID_INPUT|BAD_USER_INPUT)$/u);
  });

  it('is answered with CONTEXT_LENGTH_EXCEEDED and both numbers before any engine saw it', async () => {
    const jobsBefore = inference.jobs.length;
    const long = Array.from({ length: 70 }, (_, i) => `w${i}`).join(' ');
    expect(await refusal(client, { model, prompt: long })).toMatchObject({
      __typename: 'ContextLengthExceededError',
      promptTokens: 70,
      contextSize: 64,
      message: expect.stringMatching(/70 tokens.*64 tokens/u),
    });
    expect(await refusal(client, { model, prompt, maxTokens: 63 })).toMatchObject({
      code: 'CONTEXT_LENGTH_EXCEEDED',
      promptTokens: 2,
      contextSize: 64,
      message: expect.stringMatching(/2 tokens and maxTokens 63 come to 65/u),
    });
    const untokenised = await refusal(client, { model, prompt: 'x'.repeat(1_000_000) });
    expect(untokenised).toMatchObject({ code: 'CONTEXT_LENGTH_EXCEEDED', contextSize: 64 });
    expect(untokenised.promptTokens).toBeGreaterThan(64);
    expect(inference.jobs).toHaveLength(jobsBefore);
    expect((await complete(client, { model, prompt, maxTokens: 62 })).status).toBe('SUCCEEDED');
  });

  it('is answered with PAYLOAD_TOO_LARGE for a prompt of 10 MB, and the server goes on', async () => {
    const { status, errors } = await client.request(
      `mutation ($input: CreateCompletionInput!) { createCompletion(input: $input) { __typename } }`,
      { input: { model, prompt: 'x'.repeat(10_000_000) } },
    );
    expect(status).toBe(413);
    expect(errors?.[0]).toMatchObject({
      message: expect.stringMatching(/over 4194304 bytes/u),
      extensions: { code: 'PAYLOAD_TOO_LARGE' },
    });
    expect((await complete(client, { model, prompt })).status).toBe('SUCCEEDED');
  });

  it.each([
    ['no key', ''],
    ['a malformed key', 'slc_nonsense'],
    ['a key that nobody made', generateSecret()],
  ])('is answered with PAYLOAD_TOO_LARGE, or 401, for over 64 KiB from callers with %s', async (_name, secret) => {
    const stranger = createClient(app.url, secret);
    const { status, errors } = await stranger.request('{ __typename }', { text: 'x'.repeat(65_536) });
    expect(status).toBe(413);
    expect(errors?.[0]).toMatchObject({
      message: 'The request is over 65536 bytes, the most without a valid API key.',
      extensions: { code: 'PAYLOAD_TOO_LARGE' },
    });
    const answer = await fetch(`${app.url}/v1/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify({ model, prompt: 'x'.repeat(65_536) }),
    });
    expect(answer.status).toBe(401);
    expect((await client.request('{ __typename }', { text: 'x'.repeat(65_536) })).status).toBe(200);
  });

  const mutation = 'mutation ($input: CreateCompletionInput!) { createCompletion(input: $input) { __typename } }';

  it('is JSON of over 100 levels', async () => {
    // By hand: a client cannot write as deep as it can send.
    const create = async (levels: number) => {
      const metadata = `${'['.repeat(levels)}${']'.repeat(levels)}`;
      const answer = await fetch(client.endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${client.secret}` },
        body: `{"query":"${mutation}","variables":{"input":{"model":"${model}","prompt":"a","metadata":${metadata}}}}`,
      });
      return answer.json();
    };
    for (const levels of [101, 10_000]) {
      expect(await create(levels)).toMatchObject({
        errors: [{ message: expect.stringMatching(/at most 100 levels/u), extensions: { code: 'INVALID_INPUT' } }],
      });
    }
    expect(await create(100)).toEqual({ data: { createCompletion: { __typename: 'CreateCompletionPayload' } } });
    expect(app.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('is answered in few words over SSE, however large it is', async () => {
    const unknown = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`unknown${index}`, 1]));
    const answer = await fetch(client.endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        authorization: `Bearer ${client.secret}`,
      },
      body: JSON.stringify({ query: mutation, variables: { input: { maxTokens: 'x'.repeat(500_000), ...unknown } } }),
    });
    const told = await answer.text();
    expect(told).toContain('is not defined by type');
    expect(told.length).toBeLessThan(20_000);
  });

  it('is not NUL in a prompt, an answer, a stop sequence or metadata: they are kept as they are', async () => {
    const metadata = { text: nul, [nul]: half };
    const created = await complete(client, { model, prompt: `a ${nul} b`, stop: ['\u0000\u0000'], metadata });
    expect(created).toMatchObject({ status: 'SUCCEEDED', metadata, choices: [{ text: `a ${nul} b` }] });
    expect(await find(client, created.id)).toEqual(created);
  });

  it('is NUL in what things are looked up by', async () => {
    const codeOf = async (document: string) => {
      const { errors } = await app.admin.request(document, { nul });
      return errors?.[0]?.extensions?.code;
    };
    for (const filter of ['user', 'model']) {
      for (const list of ['completions', 'usageRecords']) {
        const document = `query ($nul: String) { ${list}(first: 1, filter: { ${filter}: $nul }) { edges { cursor } } }`;
        expect({ list, filter, code: await codeOf(document) }).toEqual({ list, filter, code: 'INVALID_INPUT' });
      }
    }
    expect(await eventsRefusal(client, { idempotencyKey: nul })).toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('is answered with null for node ids that are unknown, of others, or no ids', async () => {
    const other = await createKey(app.admin, { name: 'other', scopes: ['COMPLETIONS'] });
    const unknown = Buffer.from('Completion:01890000-0000-7000-8000-000000000000').toString('base64url');
    const { nodes } = await client.execute<{ nodes: unknown[] }>('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
      ids: [other.apiKey!.id, unknown, 'rubbish', '', nul, 'x'.repeat(10_000)],
    });
    expect(nodes).toEqual([null, null, null, null, null, null]);
    const mine = await complete(client, { model, prompt });
    const { node } = await client.execute<{ node: unknown }>(
      `query ($id: ID!) { node(id: $id) { id ... on Completion { ${completionFields} } } }`,
      { id: mine.id },
    );
    expect(node).toEqual(mine);
  });

  it.each([
    ['no page size', '{ completions { edges { cursor } } }'],
    ['a page of 0', '{ completions(first: 0) { edges { cursor } } }'],
    ['a page of 101', '{ completions(first: 101) { edges { cursor } } }'],
    ['first and last', '{ completions(first: 1, last: 1) { edges { cursor } } }'],
    ['a foreign cursor', '{ completions(first: 1, after: "AAAA") { edges { cursor } } }'],
    ['a syntax error', '{ viewer { '],
    ['an unknown field', '{ nothing }'],
  ])('is a query with %s', async (_name, document) => {
    const { errors, data } = await client.request(document);
    expect(data ?? null).toBeNull();
    expect(errors?.[0]?.message).toBeTruthy();
    expect(errors?.[0]?.extensions?.code).toMatch(/^(INVALID_INPUT|GRAPHQL_(PARSE|VALIDATION)_FAILED)$/u);
  });
});
