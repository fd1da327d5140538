import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { listen } from '../../../src/http/server.ts';

const heads = {
  'sends nothing': '',
  'stops within the head of a request': 'POST /graphql HTTP/1.1\r\nhost: localhost\r\n',
  'stops within the head of an upgrade': 'GET /graphql HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n',
};

test.each(Object.entries(heads))('a connection that %s is closed', async (_case, head) => {
  await using server = await listen({
    host: '127.0.0.1',
    port: 0,
    keepAliveSeconds: 10,
    headersSeconds: 0.2,
    handlers: [],
    onUpgrade: (_request, socket) => socket.destroy(),
    onError: () => {},
  });
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => {});
  let answer = '';
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text;
  });
  if (head) socket.write(head);
  await once(socket, 'close');
  expect(answer).toMatch(/^(HTTP\/1\.1 408 |$)/u);
});
