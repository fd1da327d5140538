import { once } from 'node:events';
import { WebSocket } from 'ws';

export interface ProtocolMessage {
  readonly id?: string;
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a message of any operation, looked into by tests
  readonly payload?: any;
}

/** A WebSocket that speaks graphql-transport-ws by hand, for what no client library would do. */
export interface RawSocket extends AsyncDisposable {
  readonly webSocket: WebSocket;
  /** Everything received so far. */
  readonly received: ProtocolMessage[];
  /** How the server closed it. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  send(message: ProtocolMessage | string): void;
}

export interface ConnectOptions {
  readonly origin?: string;
  readonly protocols?: readonly string[];
}

/** Connects without saying anything yet. */
export async function connect(url: string, options: ConnectOptions = {}): Promise<RawSocket> {
  const { origin, protocols = ['graphql-transport-ws'] } = options;
  const webSocket = new WebSocket(`${url.replace(/^http/u, 'ws')}/graphql`, [...protocols], origin ? { origin } : {});
  const received: ProtocolMessage[] = [];
  webSocket.on('message', (data) => received.push(JSON.parse(String(data))));
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    webSocket.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  );
  await once(webSocket, 'open');
  webSocket.on('error', () => {}); // `closed` tells.
  return {
    webSocket,
    received,
    closed,
    send: (message) => webSocket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    async [Symbol.asyncDispose]() {
      webSocket.terminate();
      await closed;
    },
  };
}

/** Connects and enters with a key. */
export async function openSocket(url: string, secret: string): Promise<RawSocket> {
  const socket = await connect(url);
  socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${secret}` } });
  const answered = new Promise<void>((resolve) => socket.webSocket.once('message', () => resolve()));
  await Promise.race([answered, socket.closed.then(({ reason }) => Promise.reject(new Error(reason)))]);
  return socket;
}
