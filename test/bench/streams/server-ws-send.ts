import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { serveMeasured } from './measured-server.ts';
import { startProducer } from './producer-link.ts';

/** The least that anyone can do: the same messages, put together by hand and sent with ws. */
const producer = await startProducer();
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
await once(server, 'listening');

server.on('connection', (socket) => {
  socket.on('message', (received) => {
    const { type, id } = JSON.parse(String(received)) as { type: string; id: string };
    if (type === 'connection_init') socket.send(JSON.stringify({ type: 'connection_ack' }));
    if (type !== 'subscribe') return;
    let seq = 1;
    const next = (event: object) =>
      socket.send(JSON.stringify({ id, type: 'next', payload: { data: { completionEvents: event } } }));
    next({ __typename: 'CompletionStarted', seq });
    const close = producer.open(({ text, finishReason }) => {
      next({ __typename: finishReason ? 'CompletionFinished' : 'CompletionDelta', seq: ++seq, text });
      if (!finishReason) return;
      close();
      socket.send(JSON.stringify({ id, type: 'complete' }));
    });
    socket.once('close', close);
  });
});

serveMeasured(producer, {
  url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  async [Symbol.asyncDispose]() {
    server.close();
  },
});
