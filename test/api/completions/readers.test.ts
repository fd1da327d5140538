import type { ExecutionResult } from 'graphql';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import type { Client } from '../../kit/client.ts';
import {
  allEvents,
  cancel,
  complete,
  create,
  createDocument,
  type EventsOf,
  type EventView,
  events,
  eventsDocument,
  eventsRefusal,
  find,
  serverSentEvents,
  textOf,
} from '../../kit/completions.ts';
import { changeProject } from '../../kit/projects.ts';
import { openSocket } from '../../kit/socket.ts';
import { waitFor } from '../../kit/wait-for.ts';

const model = 'scripted';
const prompt = 'alpha beta gamma delta epsilon zeta';

describe('readers of completions', () => {
  let inference: ScriptedInference;
  let app: TestApp;
  let client: Client;

  beforeAll(async () => {
    inference = createScriptedInference([{ name: model, slots: 2 }]);
    app = await startApp({
      inference,
      config: { streams: { graceSeconds: 1, firstReaderSeconds: 3, pipelineWaitSeconds: 1 } },
    });
    client = await app.newClient();
  });
  beforeEach(() => inference.release());
  afterAll(() => app?.[Symbol.asyncDispose]());

  const statusOf = async (id: string) => (await find(client, id))!.status;
  const untilStatus = (id: string, status: string) =>
    waitFor(`status ${status}`, async () => (await statusOf(id)) === status);

  it('get the same bytes from any offset, over WebSocket and over SSE', async () => {
    inference.hold();
    const { id } = await complete(client, { model, prompt, mode: 'STREAM', n: 2 });
    const live: EventView[] = [];
    for await (const event of events(client, { id })) {
      live.push(event);
      inference.allow(1);
    }
    expect(live.filter(({ __typename }) => __typename === 'CompletionDelta').length).toBeGreaterThan(4);
    for (const after of [0, ...live.map(({ seq }) => seq)]) {
      const later = live.filter(({ seq }) => seq > after);
      const overWebSocket = await allEvents(client, { id, after });
      for (const index of [0, 1]) expect(textOf(overWebSocket, index)).toBe(textOf(later, index));
      expect(overWebSocket.at(-1)?.seq).toBe(later.at(-1)?.seq);
      for (const { seq } of overWebSocket) expect(seq).toBeGreaterThan(after);
      const overSse: EventView[] = [];
      for await (const { data } of serverSentEvents(client, { id, after })) overSse.push(data!.completionEvents);
      expect(overSse).toEqual(overWebSocket);
    }
  });

  it('get nothing but a clean end when they come after the last event', async () => {
    const { id } = await complete(client, { model, prompt, mode: 'BACKGROUND' });
    const seen = await allEvents(client, { id });
    expect(await allEvents(client, { id, after: seen.at(-1)!.seq })).toEqual([]);
    expect(await allEvents(client, { id, after: 2_000_000_000 })).toEqual([]);
  });

  it('all get the terminal event of a cancellation, which is idempotent', async () => {
    inference.hold();
    const { id } = await complete(client, { model, prompt, mode: 'STREAM' });
    const readers = [1, 2, 3].map(() => allEvents(client, { id }));
    await untilStatus(id, 'RUNNING');
    inference.allow(2);
    const [first, second] = await Promise.all([cancel(client, id), cancel(client, id)]);
    expect(first.completion!.status).toBe('CANCELLED');
    expect(second.completion).toEqual(first.completion);
    expect((await cancel(client, id)).completion).toEqual(first.completion);
    for (const seen of await Promise.all(readers)) {
      expect(seen.at(-1)!.__typename).toBe('CompletionCancelled');
      expect(textOf(seen)).toBe(first.completion!.choices[0]!.text);
    }
  });

  it('leave a finished completion as it is when they cancel it', async () => {
    const done = await complete(client, { model, prompt });
    expect((await cancel(client, done.id)).completion).toEqual(done);
  });

  it('cancel a completion that still waits, unbilled', async () => {
    inference.hold();
    const running = await Promise.all([1, 2].map(() => complete(client, { model, prompt, mode: 'BACKGROUND' })));
    await waitFor('both slots in use', () => inference.running === 2);
    const waiting = await complete(client, { model, prompt, mode: 'STREAM' });
    const cancelled = (await cancel(client, waiting.id)).completion!;
    expect(cancelled).toMatchObject({ status: 'CANCELLED', usage: { totalTokens: 0 } });
    inference.release();
    for (const { id } of running) await untilStatus(id, 'SUCCEEDED');
    expect(inference.jobs.some(({ completionId }) => decoded(waiting.id).endsWith(completionId))).toBe(false);
  });

  it('that wait with WAIT end the completion by leaving', async () => {
    inference.hold();
    const leaving = new AbortController();
    const user = 'leaves';
    const asked = client.request(createDocument, { input: { model, prompt, user } }, leaving.signal);
    const id = await waitFor('the completion', () => idOfUser(user));
    leaving.abort();
    await expect(asked).rejects.toThrow();
    await untilStatus(id, 'CANCELLED');
  });

  it('that wait over a WebSocket end it by leaving, too', async () => {
    inference.hold();
    const user = 'leaves a socket';
    await using socket = await openSocket(app.url, client.secret);
    socket.send({
      id: '1',
      type: 'subscribe',
      payload: { query: createDocument, variables: { input: { model, prompt, user } } },
    });
    const id = await waitFor('the completion', () => idOfUser(user));
    socket.send({ id: '1', type: 'complete' });
    await untilStatus(id, 'CANCELLED');
  });

  it('may come back within the grace period, or the stream ends', async () => {
    inference.hold();
    const { id } = await complete(client, { model, prompt, mode: 'STREAM' });
    for await (const event of events(client, { id })) if (event.__typename === 'CompletionStarted') break;
    const back: EventView[] = [];
    for await (const event of events(client, { id })) {
      back.push(event);
      if (event.__typename === 'CompletionStarted') inference.allow(1);
      if (event.__typename === 'CompletionDelta') break;
    }
    expect(textOf(back)).not.toBe('');
    await untilStatus(id, 'CANCELLED');
    const seen = await allEvents(client, { id });
    expect(textOf(seen)).toBe(textOf(back));
    expect(seen.at(-1)!.completion!.choices[0]!.finishReason).toBe('CANCELLED');
  });

  it('that never come end a stream, but no background completion', async () => {
    inference.hold();
    const stream = await complete(client, { model, prompt, mode: 'STREAM' });
    const background = await complete(client, { model, prompt, mode: 'BACKGROUND' });
    await untilStatus(stream.id, 'CANCELLED');
    expect(await statusOf(background.id)).toBe('RUNNING');
    inference.release();
    await untilStatus(background.id, 'SUCCEEDED');
  });

  it('with an idempotencyKey get the one completion that it stands for, whatever they add', async () => {
    const input = { model, prompt, idempotencyKey: 'one', temperature: 1 };
    const [first, second] = await Promise.all([complete(client, input), complete(client, input)]);
    const { temperature: _, ...omitted } = input;
    const third = await complete(client, { ...omitted, n: 1, stop: [] });
    expect([second.id, third.id]).toEqual([first.id, first.id]);
    expect(third).toEqual(first);
    expect(inference.jobs.filter(({ completionId }) => decoded(first.id).endsWith(completionId))).toHaveLength(1);
    expect(await create(client, { ...input, prompt: `${prompt} eta` })).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    const other = await app.newClient();
    expect((await complete(other, input)).id).not.toBe(first.id);
  });

  it('with an idempotencyKey may subscribe before, or together with, the mutation on one socket', async () => {
    await using socket = await openSocket(app.url, client.secret);
    const idempotencyKey = 'pipelined';
    socket.send({ id: 'events', type: 'subscribe', payload: { query: eventsDocument, variables: { idempotencyKey } } });
    const input = { model, prompt, mode: 'STREAM', idempotencyKey };
    socket.send({ id: 'create', type: 'subscribe', payload: { query: createDocument, variables: { input } } });
    await waitFor('both ends', () => socket.received.filter(({ type }) => type === 'complete').length === 2);
    const results = (operation: string) =>
      socket.received.filter(({ id, type }) => id === operation && type === 'next').map(({ payload }) => payload.data);
    const { id } = results('create')[0].createCompletion.completion;
    const seen: EventView[] = results('events').map((data) => data.completionEvents);
    expect(new Set(seen.map(({ completionId }) => completionId))).toEqual(new Set([id]));
    expect(textOf(seen)).toBe(prompt);
    expect(seen.at(-1)!.__typename).toBe('CompletionFinished');
  });

  it('are told when no completion of their idempotencyKey comes', async () => {
    expect(await eventsRefusal(client, { idempotencyKey: 'never' })).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('cannot tell another project’s completion from none, whatever its state and over either transport', async () => {
    const project = (await changeProject(app.admin, 'createProject', { name: 'theirs' })).project!;
    const theirs = await app.newClient({ projectId: project.id });
    const ended = await complete(theirs, { model, prompt, store: false });
    inference.hold();
    const live = await complete(theirs, { model, prompt, mode: 'BACKGROUND' });
    expect((await find(theirs, live.id))!.id).toBe(live.id);
    const unknown = Buffer.from('Completion:01890000-0000-7000-8000-000000000000').toString('base64url');
    const ids = [live.id, ended.id, unknown, 'rubbish', ''];
    const answers = await Promise.all(
      ids.flatMap((id) => [0, 3].map(async (after) => Promise.all(wholeAnswers({ id, after })))),
    );
    for (const [overWebSocket, overSse] of answers) {
      expect(overWebSocket).toEqual([
        expect.objectContaining({ message: 'There is no such completion.', extensions: { code: 'NOT_FOUND' } }),
      ]);
      expect(overSse).toEqual(overWebSocket);
      expect(overWebSocket).toEqual(answers[0]![0]);
    }
    const refusals = await Promise.all(ids.map(async (id) => [await find(client, id), await cancel(client, id)]));
    expect(refusals[0]).toMatchObject([null, { code: 'NOT_FOUND' }]);
    for (const refused of refusals) expect(refused).toEqual(refusals[0]);
    expect((await find(theirs, live.id))!.status).toBe('RUNNING');
  });

  it.each([
    ['neither id nor idempotencyKey', {}],
    ['both of them', { id: 'x', idempotencyKey: 'y' }],
    ['a negative offset', { id: 'x', after: -1 }],
  ])('are refused with %s', async (_name, of) => {
    expect(await eventsRefusal(client, of)).toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('are told over SSE as a result, and then the stream completes', async () => {
    const received = [];
    for await (const result of serverSentEvents(client, { idempotencyKey: 'never either' })) received.push(result);
    expect(received).toHaveLength(1);
    expect(received[0]!.errors?.[0]).toMatchObject({ extensions: { code: 'NOT_FOUND' } });
  });

  /** All that a subscription answers with before it ends, error by error: over a WebSocket, over SSE. */
  function wholeAnswers(of: EventsOf): [Promise<unknown[]>, Promise<unknown[]>] {
    const errorsOf = async (results: AsyncIterable<ExecutionResult>) => {
      const errors = [];
      for await (const result of results) errors.push(...(result.errors ?? ['no error']));
      return errors;
    };
    return [errorsOf(client.subscribe(eventsDocument, of)), errorsOf(serverSentEvents(client, of))];
  }

  function decoded(globalId: string): string {
    return Buffer.from(globalId, 'base64url').toString();
  }

  async function idOfUser(user: string): Promise<string | undefined> {
    const { completions } = await client.execute<{
      completions: { edges: { node: { id: string; status: string } }[] };
    }>('query ($user: String) { completions(first: 1, filter: { user: $user }) { edges { node { id status } } } }', {
      user,
    });
    const node = completions.edges[0]?.node;
    return node?.status === 'RUNNING' ? node.id : undefined;
  }
});
