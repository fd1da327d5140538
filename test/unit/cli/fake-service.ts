import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { buildSchema, graphql } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { type WebSocket, WebSocketServer } from 'ws';

type Resolver = (input: never, ...rest: never[]) => unknown;

export interface FakeServiceOptions {
  /** Resolvers of the root fields, by name; subscriptions answer async iterables of `{ name: event }`. */
  readonly root: Readonly<Record<string, Resolver>>;
  readonly acceptKey?: (authorization: unknown) => boolean;
}

export interface FakeService extends AsyncDisposable {
  readonly url: string;
  /** The authorization of every request so far. */
  readonly authorizations: readonly unknown[];
  /** Every socket that is open. */
  readonly sockets: ReadonlySet<WebSocket>;
}

/** The public schema over real sockets, with scripted answers: what a client can be tried on, dropped connections included. */
export async function startFakeService({ root, acceptKey = () => true }: FakeServiceOptions): Promise<FakeService> {
  const schema = buildSchema(readFileSync('schema.graphql', 'utf8'));
  const authorizations: unknown[] = [];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/healthz') return void response.end('{"status":"ok"}');
    if (request.url !== '/graphql') return void response.writeHead(404).end('Not found');
    authorizations.push(request.headers.authorization);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { query, variables } = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    const result = await graphql({ schema, source: query, variableValues: variables, rootValue: root });
    response.setHeader('content-type', 'application/graphql-response+json').end(JSON.stringify(result));
  }

  const server = createServer((request, response) => void answer(request, response));
  const connections = new Set<Socket>();
  server.on('connection', (socket) => connections.add(socket));
  const sockets = new WebSocketServer({ server, path: '/graphql' });
  useServer(
    {
      schema,
      roots: { subscription: root as never },
      onConnect({ connectionParams }) {
        authorizations.push(connectionParams?.authorization);
        return acceptKey(connectionParams?.authorization);
      },
    },
    sockets,
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    authorizations,
    sockets: sockets.clients,
    async [Symbol.asyncDispose]() {
      sockets.close();
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}
