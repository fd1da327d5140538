import { once } from 'node:events';
import { WebSocket } from 'ws';

/** A GraphQL connection over WebSocket, greeted. */
export async function connect(url: string, secret: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace(/^http/u, 'ws')}/graphql`, 'graphql-transport-ws', {
    perMessageDeflate: false,
  });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${secret}` } }));
  await once(socket, 'message');
  return socket;
}
