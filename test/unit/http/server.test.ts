import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type HttpServerOptions, listen } from '../../../src/http/server.ts';
import { waitFor } from '../../kit/wait-for.ts';

const heads = {
  'sends nothing': '',
  'stops within the head of a request': 'POST /graphql HTTP/1.1\r\nhost: localhost\r\n',
  'stops within the head of an upgrade': 'GET /graphql HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n',
};

const options = {
  host: '127.0.0.1',
  port: 0,
  keepAliveSeconds: 10,
  headersSeconds: 20,
  stallSeconds: 10,
  handlers: [],
  onUpgrade: (_request: unknown, socket: Duplex) => void socket.destroy(),
  onError: () => {},
} satisfies HttpServerOptions;

test.each(Object.entries(heads))('a connection that %s is closed', async (_case, head) => {
  await using server = await listen({ ...options, headersSeconds: 0.2 });
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => {});
  let answer = '';
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text;
  });
  if (head) socket.write(head);
  await once(socket, 'close');
  expect(answer).toMatch(/^(HTTP\/1\.1 408 |$)/u);
});

describe('a client of a large answer', () => {
  const answer = Buffer.alloc(32_000_000, 'x');
  const open = async (stallSeconds: number) => {
    let closed = false;
    const server = await listen({
      ...options,
      stallSeconds,
      handlers: [
        (request, response) => {
          request.socket.once('close', () => {
            closed = true;
          });
          response.end(request.url === '/large' ? answer : 'small');
          return true;
        },
      ],
    });
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => {});
    return { server, socket, isClosed: () => closed };
  };
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;

  test('that takes nothing of it is cut off', async () => {
    const { server, socket, isClosed } = await open(0.3);
    await using _ = server;
    socket.pause().write(get('/large'));
    await waitFor('it to be cut off', isClosed);
    socket.destroy();
  });

  test('that takes it slowly gets all of it, and may ask again', async () => {
    const { server, socket, isClosed } = await open(0.3);
    await using _ = server;
    let bytes = 0;
    let text = '';
    socket.on('data', async (part) => {
      bytes += part.length;
      text = String(part);
      socket.pause();
      if (bytes % 10 === 0) await delay(10);
      socket.resume();
    });
    socket.write(get('/large'));
    await waitFor('all of it', () => bytes > answer.length, 60_000);
    // Longer than a stall: between requests nothing is to be taken.
    await delay(600);
    expect(isClosed()).toBe(false);
    socket.write(get('/small'));
    await waitFor('the next answer', () => text.endsWith('small'));
    socket.destroy();
  });
});
