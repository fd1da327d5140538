import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { newKey, socketEndpoint } from './service.ts';

const { authorization } = await newKey();
const initialise = { type: 'connection_init', payload: { authorization } };
const waitForever = {
  type: 'subscribe',
  id: 'same',
  payload: { query: 'subscription { completionEvents(idempotencyKey: "never created") { seq } }' },
};

describe('a graphql-transport-ws socket is closed with', () => {
  it('4400 for what is no message of the protocol', async () => {
    expect(await closeCodeAfter(['not JSON'])).toBe(4400);
    expect(await closeCodeAfter([{ type: 'start', id: '1' }])).toBe(4400);
  });

  it.each([
    ['no key', { type: 'connection_init' }],
    ['an empty payload', { type: 'connection_init', payload: {} }],
    ['a malformed key', { type: 'connection_init', payload: { authorization: 'Bearer nonsense' } }],
    ['a key of another scheme', { type: 'connection_init', payload: { authorization: 'Basic eDp5' } }],
    ['a subscription before connection_init', waitForever],
  ])('4401 for %s', async (_what, message) => {
    expect(await closeCodeAfter([message])).toBe(4401);
  });

  it('4406 where the protocol is another', async () => {
    const socket = new WebSocket(socketEndpoint);
    const [code] = await once(socket, 'close');
    expect(code).toBe(4406);
  });

  it('4408 where connection_init does not come', async () => {
    expect(await closeCodeAfter([])).toBe(4408);
  });

  it('4409 for a second operation of the same id', async () => {
    expect(await closeCodeAfter([initialise], [waitForever, waitForever])).toBe(4409);
  });

  it('4429 for a second connection_init', async () => {
    expect(await closeCodeAfter([initialise, initialise])).toBe(4429);
  });
});

type Message = string | object;

/** Sends some messages at once and others when the connection was acknowledged, then waits to be closed. */
async function closeCodeAfter(first: readonly Message[], onceAcknowledged: readonly Message[] = []): Promise<number> {
  const socket = new WebSocket(socketEndpoint, 'graphql-transport-ws');
  const send = (message: Message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  socket.on('open', () => first.forEach(send));
  socket.on('message', (message) => {
    if (JSON.parse(String(message)).type === 'connection_ack') onceAcknowledged.forEach(send);
  });
  const [code] = await once(socket, 'close');
  return code;
}
