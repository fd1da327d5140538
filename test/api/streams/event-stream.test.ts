import { createClient as createSseClient } from 'graphql-sse';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { type Client, createClient } from '../../kit/client.ts';
import { complete, eventsDocument, textOf } from '../../kit/completions.ts';
import { openEventStream, readEventStream, resultOf } from '../../kit/event-stream.ts';
import { waitFor } from '../../kit/wait-for.ts';

const prompt = 'one two three four five six';

const finished = (client: Client) => complete(client, { model: 'scripted', prompt });
const streamed = (client: Client, input = {}) =>
  complete(client, { model: 'scripted', prompt, mode: 'STREAM', ...input });

describe('GraphQL over Server-Sent Events', () => {
  const inference = createScriptedInference();
  let app: TestApp;
  let client: Client;

  beforeAll(async () => {
    app = await startApp({
      inference,
      config: { streams: { pingSeconds: 0.3 } },
      environment: { SLUICE_ALLOWED_ORIGINS: 'https://app.example.com' },
    });
    client = await app.newClient();
  });
  beforeEach(() => inference.release());
  afterAll(() => app?.[Symbol.asyncDispose]());

  test('every event carries its seq as its id, and the stream ends with complete', async () => {
    const { id } = await finished(client);
    const wire = await readEventStream(client, { id });
    const last = wire.pop();
    expect(last).toEqual({ event: 'complete', id: undefined, data: '' });
    const events = wire.map((event) => resultOf(event).data!.completionEvents);
    expect(wire.map((event) => event.id)).toEqual(events.map(({ seq }) => String(seq)));
    expect(wire.every(({ event }) => event === 'next')).toBe(true);
    expect(textOf(events)).toBe(prompt);
    expect(events.at(-1)!.__typename).toBe('CompletionFinished');
  });

  test('a client that comes back with Last-Event-ID goes on behind it, and the larger of it and `after` counts', async () => {
    inference.hold();
    inference.allow(3);
    const { id } = await streamed(client);
    using first = await openEventStream(client, { variables: { id } });
    let seen = '';
    let lastId = '';
    for await (const event of first.events()) {
      seen += textOf([resultOf(event).data!.completionEvents]);
      lastId = event.id!;
      if (seen === 'one two three') break;
    }
    inference.release();
    const resume = async (variables: object, headers: object) =>
      textOf(
        (await readEventStream(client, { id, ...variables }, headers))
          .filter(({ event }) => event === 'next')
          .map((event) => resultOf(event).data!.completionEvents),
      );
    expect(seen + (await resume({}, { 'last-event-id': lastId }))).toBe(prompt);
    expect(seen + (await resume({ after: 1 }, { 'last-event-id': lastId }))).toBe(prompt);
    expect(seen + (await resume({ after: Number(lastId) }, { 'last-event-id': '1' }))).toBe(prompt);
    expect(await resume({}, { 'last-event-id': 'not a seq' })).toBe(prompt);
  });

  test('queries, by GET as well, and mutations answer as a stream of one result; no mutation goes by GET', async () => {
    const document = '{ viewer { apiKey { name } } }';
    for (const method of ['GET', 'POST'] as const) {
      using stream = await openEventStream(client, { query: document, method });
      expect(stream.response.headers['content-type']).toBe('text/event-stream');
      const wire = [];
      for await (const event of stream.events()) wire.push(event);
      expect(wire.map(({ event }) => event)).toEqual(['next', 'complete']);
      expect(JSON.parse(wire[0]!.data)).toEqual({ data: { viewer: { apiKey: { name: 'test' } } } });
    }
    using mutation = await openEventStream(client, {
      query:
        'mutation ($input: CreateCompletionInput!) { createCompletion(input: $input) { ... on CreateCompletionPayload { completion { status } } } }',
      variables: { input: { model: 'scripted', prompt } },
    });
    const answered = [];
    for await (const event of mutation.events()) answered.push(event);
    expect(answered.map(({ event }) => event)).toEqual(['next', 'complete']);
    expect(JSON.parse(answered[0]!.data)).toEqual({
      data: { createCompletion: { completion: { status: 'SUCCEEDED' } } },
    });
    using refused = await openEventStream(client, { query: 'mutation { __typename }', method: 'GET' });
    expect(refused.response.statusCode).toBe(405);
  });

  test('whatever is wrong with a request is told as one next with a code, then complete', async () => {
    const nobody = createClient(app.url, '');
    const stranger = createClient(app.url, 'slc_nonsense');
    const cases = [
      { client: nobody, query: eventsDocument, code: 'UNAUTHENTICATED' },
      { client: stranger, query: eventsDocument, code: 'UNAUTHENTICATED' },
      { client: client, query: 'subscription {', code: 'INVALID_INPUT' },
      { client: client, query: 'subscription { nothingLikeIt }', code: 'INVALID_INPUT' },
      {
        client: client,
        query: 'query A { viewer { __typename } } query B { viewer { __typename } }',
        code: 'INVALID_INPUT',
      },
      {
        client: client,
        query: 'subscription { completionEvents(id: "Q29tcGxldGlvbjp4") { seq } }',
        code: 'NOT_FOUND',
      },
    ];
    for (const { client: caller, query, code } of cases) {
      using stream = await openEventStream(caller, { query, variables: query === eventsDocument ? { id: 'x' } : {} });
      const wire = [];
      for await (const event of stream.events()) wire.push(event);
      expect(wire.map(({ event }) => event)).toEqual(['next', 'complete']);
      expect(JSON.parse(wire[0]!.data).errors[0].extensions.code).toBe(code);
    }
  });

  test('a subscription streams wherever the client can take it; other operations stay JSON unless a stream is preferred', async () => {
    const { id } = await finished(client);
    const typeFor = async (query: string, accept: string, variables = {}) => {
      using stream = await openEventStream(client, { query, variables, headers: { accept } });
      for await (const _ of stream.events());
      return stream.response.headers['content-type']?.split(';')[0];
    };
    for (const accept of ['*/*', 'application/json, text/event-stream', 'text/event-stream;q=0.5, application/json']) {
      expect(await typeFor(eventsDocument, accept, { id })).toBe('text/event-stream');
      expect(await typeFor('{ __typename }', accept)).toBe('application/json');
      // Also one that the schema does not know: what is wrong with it is told in the stream.
      expect(await typeFor('subscription { nothingLikeIt }', accept)).toBe('text/event-stream');
    }
    using refused = await openEventStream(client, { query: 'mutation { nothingLikeIt }', method: 'GET' });
    expect(refused.response.statusCode).toBe(405);
  });

  test('silence is filled with comments', async () => {
    inference.hold();
    const { id } = await streamed(client);
    using stream = await openEventStream(client, { variables: { id } });
    const ended = (async () => {
      for await (const _ of stream.events());
    })();
    await waitFor('three comments', () => stream.comments() >= 3);
    inference.release();
    await ended;
  });

  test('a revoked key ends its open streams: next with FORBIDDEN, then complete', async () => {
    const client = await app.newClient();
    inference.hold();
    const { id } = await streamed(client);
    using stream = await openEventStream(client, { variables: { id } });
    const wire = [];
    for await (const event of stream.events()) {
      wire.push(event);
      if (wire.length > 1) continue;
      const { viewer } = await client.execute<{ viewer: { apiKey: { id: string } } }>('{ viewer { apiKey { id } } }');
      await app.admin.execute('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { __typename } }', {
        id: viewer.apiKey.id,
      });
    }
    expect(wire.at(-1)!.event).toBe('complete');
    expect(JSON.parse(wire.at(-2)!.data).errors[0].extensions.code).toBe('FORBIDDEN');
  });

  test('an expired key ends its open streams, too', async () => {
    inference.hold();
    const expiresAt = Date.now() + 3_000;
    const client = await app.newClient({ expiresAt: new Date(expiresAt).toISOString() });
    const { id } = await streamed(client);
    const wire = await readEventStream(client, { id });
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt);
    expect(resultOf(wire[0]!).data!.completionEvents.completionId).toBe(id);
    expect(JSON.parse(wire.at(-2)!.data).errors[0]).toMatchObject({ extensions: { code: 'FORBIDDEN' } });
    expect(wire.at(-1)!.event).toBe('complete');
  });

  test('the client library of the protocol follows a completion to its end', async () => {
    const { id } = await streamed(client);
    const library = createSseClient({
      url: client.endpoint,
      headers: { authorization: `Bearer ${client.secret}` },
      retryAttempts: 0,
    });
    const events = [];
    for await (const { data } of library.iterate({ query: eventsDocument, variables: { id } })) {
      // biome-ignore lint/suspicious/noExplicitAny: the library knows no types of ours
      events.push((data as any).completionEvents);
    }
    library.dispose();
    expect(textOf(events)).toBe(prompt);
    expect(events.at(-1)).toMatchObject({ __typename: 'CompletionFinished', completion: { id, status: 'SUCCEEDED' } });
  });

  test('a page of an allowed origin may read the stream', async () => {
    const allowed = async (origin: string) => {
      using stream = await openEventStream(app.admin, { query: '{ __typename }', headers: { origin } });
      return stream.response.headers['access-control-allow-origin'];
    };
    expect(await allowed('https://app.example.com')).toBe('https://app.example.com');
    expect(await allowed('https://evil.example.com')).toBeUndefined();
  });
});
