import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createClient } from '../../kit/client.ts';
import type { EventView } from '../../kit/completions.ts';
import { openEventStream, resultOf } from '../../kit/event-stream.ts';
import { openSocket, type RawSocket } from '../../kit/socket.ts';
import { waitFor } from '../../kit/wait-for.ts';
import { type StreamingServer, startStreamingServer } from './streaming-server.ts';

const mebibyte = 1_048_576;
const document = `subscription ($id: ID!, $after: Int) {
  completionEvents(id: $id, after: $after) { __typename seq ... on CompletionDelta { text choices { text } }
    ... on CompletionFinished { completion { status } } } }`;

describe('streams over real sockets', () => {
  let server: StreamingServer;
  afterEach(() => server?.[Symbol.asyncDispose]());

  const follow = (socket: RawSocket, id: string, after = 0) =>
    socket.send({
      id,
      type: 'subscribe',
      payload: { query: document, variables: { id: server.globalId, after } },
    });

  const eventsOf = (socket: RawSocket, id: string): EventView[] =>
    socket.received.flatMap((message) =>
      message.id === id && message.type === 'next' ? [message.payload.data.completionEvents] : [],
    );
  const textOf = (events: readonly EventView[]) => events.map(({ text }) => text ?? '').join('');
  const isOver = (socket: RawSocket, id: string) =>
    socket.received.some((message) => message.id === id && message.type === 'complete');
  const ends = (socket: RawSocket, id: string) => waitFor(`the end of ${id}`, () => isOver(socket, id), 30_000);

  /** What the server holds in memory for readers: made, and not yet taken by the operating system. */
  const heldBytes = () =>
    server.handedOutBytes - [...server.sockets].reduce((sum, s) => sum + s.bytesWritten - s.writableLength, 0);
  const buffered = () => Math.max(0, ...[...server.sockets].map((socket) => socket.writableLength));

  async function appendMebibytes(count: number): Promise<string> {
    const piece = 'All work and no play makes a dull day. '.repeat(420).slice(0, 16_384);
    for (let i = 0; i < count * 64; i++) await server.append(piece);
    return piece.repeat(count * 64);
  }

  test('a socket costs no more than a mebibyte, however many subscriptions it does not read', async () => {
    server = await startStreamingServer();
    const text = await appendMebibytes(0.25);
    await using socket = await openSocket(server.url, 'any');
    socket.webSocket.pause();
    const ids = Array.from({ length: 100 }, (_, i) => `s${i}`);
    for (const id of ids) follow(socket, id);
    await waitFor('all to be attached', () => server.attached === ids.length);
    await waitFor('the connection to be full', () => buffered() > 0);
    let seen = -1;
    // Steady: nothing more is made while nobody reads.
    await waitFor('nothing to move any more', () => {
      const before = seen;
      seen = server.handedOutBytes;
      return before === seen;
    });
    expect(buffered()).toBeLessThan(mebibyte);
    expect(heldBytes()).toBeLessThan(mebibyte);
    await server.finish();
    expect(buffered()).toBeLessThan(mebibyte);

    socket.webSocket.resume();
    for (const id of ids) {
      await ends(socket, id);
      expect(textOf(eventsOf(socket, id)) === text, `the text of ${id}`).toBe(true);
    }
  });

  test('a healthy subscription goes on beside those of its socket that replay much', async () => {
    server = await startStreamingServer();
    await appendMebibytes(1);
    await using socket = await openSocket(server.url, 'any');
    const seq = (await server.log.lastSeq(server.completionId))!;
    follow(socket, 'live', seq);
    await waitFor('it to be attached', () => server.attached === 1);
    for (let i = 0; i < 8; i++) follow(socket, `replay${i}`);
    await server.append('now');
    await waitFor('the live event', () => eventsOf(socket, 'live').length > 0);
    expect(textOf(eventsOf(socket, 'live'))).toBe('now');
  });

  test('a WebSocket client that stops reading is cut off, and gets the rest when it comes back', async () => {
    server = await startStreamingServer({ stallSeconds: 0.5 });
    const text = await appendMebibytes(4);
    await using socket = await openSocket(server.url, 'any');
    follow(socket, 'a');
    await waitFor('a first event', () => eventsOf(socket, 'a').length > 0);
    socket.webSocket.pause();
    for (let i = 0; i < 8; i++) follow(socket, `more${i}`);
    await waitFor('it to be cut off', () => server.sockets.size === 0, 20_000);
    expect(server.attached).toBe(0);
    socket.webSocket.resume();
    await socket.closed;
    const first = eventsOf(socket, 'a');
    await server.finish();

    await using back = await openSocket(server.url, 'any');
    follow(back, 'b', first.at(-1)!.seq);
    await ends(back, 'b');
    expect(textOf([...first, ...eventsOf(back, 'b')]) === text).toBe(true);
  });

  test('an SSE client that stops reading is cut off, and gets the rest when it comes back', async () => {
    server = await startStreamingServer({ stallSeconds: 0.5 });
    const text = await appendMebibytes(8);
    const client = createClient(server.url, 'any');
    const variables = { id: server.globalId };
    const events: EventView[] = [];
    {
      using stream = await openEventStream(client, { query: document, variables });
      const wire = stream.events();
      const { value } = await wire.next();
      events.push(resultOf(value!).data!.completionEvents);
      expect(buffered()).toBeLessThan(mebibyte);
      await waitFor('it to be cut off', () => server.sockets.size === 0, 20_000);
      expect(server.attached).toBe(0);
    }
    await server.finish();
    using back = await openEventStream(client, {
      query: document,
      variables,
      headers: { 'last-event-id': String(events[0]!.seq) },
    });
    for await (const event of back.events()) {
      if (event.event === 'next') events.push(resultOf(event).data!.completionEvents);
    }
    expect(textOf(events) === text).toBe(true);
  });

  test('a hundred stalled readers take nothing from a healthy one', async () => {
    server = await startStreamingServer({ stallSeconds: 60 });
    await appendMebibytes(1);
    const stalled = await Promise.all(Array.from({ length: 100 }, () => openSocket(server.url, 'any')));
    try {
      for (const socket of stalled) {
        socket.webSocket.pause();
        for (let i = 0; i < 4; i++) follow(socket, `s${i}`);
      }
      await waitFor('all to be attached', () => server.attached === 400, 30_000);
      await using healthy = await openSocket(server.url, 'any');
      const seq = (await server.log.lastSeq(server.completionId))!;
      follow(healthy, 'h', seq);
      await waitFor('the healthy one', () => server.attached === 401);
      let expected = '';
      for (let i = 0; i < 200; i++) {
        await server.append(`word${i} `);
        expected += `word${i} `;
      }
      await server.finish();
      await ends(healthy, 'h');
      expect(textOf(eventsOf(healthy, 'h'))).toBe(expected);
      expect(buffered()).toBeLessThan(mebibyte);
    } finally {
      for (const socket of stalled) await socket[Symbol.asyncDispose]();
    }
  });

  test('a client that asks and never reads the answers is not listened to any more', async () => {
    server = await startStreamingServer({ stallSeconds: 60 });
    await using socket = await openSocket(server.url, 'any');
    socket.webSocket.pause();
    const payload = 'x'.repeat(60_000);
    for (let i = 0; i < 400; i++) socket.webSocket.send(JSON.stringify({ type: 'ping', payload: { payload } }));
    await waitFor('what it sends to stay with it', () => socket.webSocket.bufferedAmount > mebibyte);
    expect(buffered()).toBeLessThan(mebibyte);
    socket.webSocket.resume();
    await waitFor('all its pongs', () => socket.received.filter(({ type }) => type === 'pong').length === 400, 30_000);
  });

  test('a half-open connection is found by ping, and its readers end', async () => {
    server = await startStreamingServer({ pingSeconds: 0.3 });
    await using socket = await openSocket(server.url, 'any');
    follow(socket, 'a');
    await waitFor('it to be attached', () => server.attached === 1);
    // Takes what comes, and never answers again: as a machine that lost its network, seen from the server.
    const tcp = (socket.webSocket as unknown as { _socket: Socket })._socket;
    tcp.pause();
    await waitFor('the reader to end', () => server.attached === 0);
    expect(server.principalWatchers).toBe(0);
  });

  test.each(['WebSocket', 'SSE'])(
    'whoever leaves over %s while waiting for the first event ends its reader at once',
    async (transport) => {
      server = await startStreamingServer();
      if (transport === 'WebSocket') {
        await using socket = await openSocket(server.url, 'any');
        follow(socket, 'a');
        follow(socket, 'b');
        await waitFor('both to be attached', () => server.attached === 2);
        socket.send({ id: 'a', type: 'complete' });
        await waitFor('one to have left', () => server.attached === 1);
        socket.webSocket.terminate();
      } else {
        using stream = await openEventStream(createClient(server.url, 'any'), {
          query: document,
          variables: { id: server.globalId },
        });
        await waitFor('it to be attached', () => server.attached === 1);
        stream.request.destroy();
      }
      await waitFor('all to have left', () => server.attached === 0);
      await waitFor('nobody to be watched', () => server.principalWatchers === 0);
    },
  );

  test('an id used again as soon as its operation was completed leaves no reader behind', async () => {
    server = await startStreamingServer();
    await using socket = await openSocket(server.url, 'any');
    for (let i = 0; i < 300; i++) {
      follow(socket, 'a');
      socket.send({ id: 'a', type: 'complete' });
    }
    follow(socket, 'a');
    await waitFor('only the last to be attached', () => server.attached === 1);
    await server.append('text');
    await server.finish();
    await ends(socket, 'a');
    expect(eventsOf(socket, 'a').map(({ __typename }) => __typename)).toEqual([
      'CompletionDelta',
      'CompletionFinished',
    ]);
    expect(socket.received.filter(({ type }) => type === 'complete')).toHaveLength(1);
  });

  test('all readers of a socket leave with it, whatever their ids were used for before', async () => {
    server = await startStreamingServer();
    await using socket = await openSocket(server.url, 'any');
    for (const id of ['a', 'a', 'b', 'b']) {
      follow(socket, id);
      socket.send({ id, type: 'complete' });
    }
    for (const id of ['a', 'b']) follow(socket, id);
    await waitFor('them to be attached', () => server.attached === 2);
    socket.webSocket.terminate();
    await waitFor('all to have left', () => server.attached === 0);
  });

  test('a revoked key ends readers at once, also those whose clients never answer the close', async () => {
    server = await startStreamingServer();
    await appendMebibytes(8);
    await using deaf = await openSocket(server.url, 'any');
    deaf.webSocket.pause();
    for (let i = 0; i < 4; i++) follow(deaf, `d${i}`);
    await using socket = await openSocket(server.url, 'any');
    follow(socket, 'a', (await server.log.lastSeq(server.completionId))!);
    await waitFor('all to be attached', () => server.attached === 5);
    server.revoke();
    expect(server.attached).toBe(0);
    expect(await socket.closed).toEqual({ code: 4403, reason: 'The API key was revoked.' });
    await waitFor('the deaf one to be cut off', () => server.sockets.size === 0);
  });

  test('stopping waits until readers have the terminal event; sockets close with 1001, event streams end', async () => {
    server = await startStreamingServer();
    await using socket = await openSocket(server.url, 'any');
    follow(socket, 'a');
    using stream = await openEventStream(createClient(server.url, 'any'), {
      query: document,
      variables: { id: server.globalId },
    });
    await waitFor('both to be attached', () => server.attached === 2);
    const overSse = (async () => {
      const events = [];
      for await (const event of stream.events()) events.push(event);
      return events;
    })();
    const stopped = server[Symbol.asyncDispose]();
    await server.finish();
    expect((await socket.closed).code).toBe(1001);
    expect(eventsOf(socket, 'a').map(({ __typename }) => __typename)).toEqual(['CompletionFinished']);
    expect(isOver(socket, 'a')).toBe(true);
    const events = await overSse;
    expect(events.map(({ event }) => event)).toEqual(['next', 'complete']);
    expect(resultOf(events[0]!).data!.completionEvents.__typename).toBe('CompletionFinished');
    await stopped;
  });

  test('stopping goes on when a client answers the close with nonsense', async () => {
    server = await startStreamingServer();
    await using socket = await openSocket(server.url, 'any');
    const tcp = (socket.webSocket as unknown as { _socket: Socket })._socket;
    const nonsense = Buffer.alloc(6, 0xff);
    tcp.removeAllListeners('data').on('data', () => tcp.write(nonsense));
    await server[Symbol.asyncDispose]();
    expect(server.sockets.size).toBe(0);
  });

  test('a refused upgrade whose client resets the connection harms nobody', async () => {
    server = await startStreamingServer();
    const { port } = new URL(server.url);
    const tcp = connectTcp(Number(port), '127.0.0.1');
    await once(tcp, 'connect');
    tcp.write('GET /elsewhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    tcp.resetAndDestroy();
    await waitFor('the connection to be gone', () => server.sockets.size === 0);
    await using socket = await openSocket(server.url, 'any');
    expect(socket.received[0]?.type).toBe('connection_ack');
  });
});
