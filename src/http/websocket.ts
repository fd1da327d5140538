import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { execute, GraphQLError, type GraphQLSchema, subscribe } from 'graphql';
import { handleProtocols, makeServer } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { DomainError } from '../contracts/errors.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Authenticator } from '../domain/access/authenticate.ts';
import type { Principal } from '../domain/access/principal.ts';
import type { PrincipalWatch } from '../domain/access/principal-watch.ts';
import type { Services } from '../graphql/context.ts';
import { maskError } from '../graphql/errors.ts';
import { authenticateHeader } from './authenticate.ts';
import { graphqlPath } from './graphql.ts';
import { isAllowedOrigin } from './origin.ts';
import { openOperation, type SocketContext } from './websocket-operation.ts';
import { type ClientSocket, createClientSockets } from './websocket-sockets.ts';

export interface WebSocketOptions {
  readonly schema: GraphQLSchema;
  readonly services: Services;
  readonly authenticator: Authenticator;
  readonly principalWatch: PrincipalWatch;
  readonly allowedOrigins: readonly string[];
  readonly largestMessageBytes: number;
  readonly pingSeconds: number;
  readonly stallSeconds: number;
  readonly logger: Logger;
}

export interface WebSocketEndpoint extends AsyncDisposable {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** Close codes of ours; the protocol's own (4400, 4408, 4409, 4429) are graphql-ws's. */
const closeCodes = { goingAway: 1001, internalError: 1011, tryAgainLater: 1013, unauthorized: 4401, forbidden: 4403 };

const operationsPerSocket = 100;

interface Extra extends Record<PropertyKey, unknown> {
  readonly client: ClientSocket;
  principal: Principal | null;
  unwatch: () => void;
}

/** GraphQL over WebSocket (the graphql-transport-ws protocol) at `/graphql`. */
export function createWebSocketEndpoint(options: WebSocketOptions): WebSocketEndpoint {
  const { schema, services, authenticator, principalWatch, allowedOrigins, logger } = options;
  const clients = createClientSockets(options);
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: options.largestMessageBytes,
    perMessageDeflate: false,
    handleProtocols: (protocols) => handleProtocols(protocols),
  });

  const protocol = makeServer<Record<string, unknown>, Extra>({
    schema,

    async onConnect({ connectionParams, extra }) {
      try {
        extra.principal = await authenticateParams(authenticator, connectionParams);
        extra.unwatch = principalWatch.watch(extra.principal, (reason) =>
          extra.client.close(closeCodes.forbidden, reason),
        );
        return true;
      } catch (error) {
        if (error instanceof DomainError && error.code === 'UNAUTHENTICATED') {
          extra.client.close(closeCodes.unauthorized, error.message);
        } else {
          logger.warn({ err: error }, 'a WebSocket client could not be authenticated');
          extra.client.close(closeCodes.tryAgainLater, 'The service is not available. Try again later.');
        }
        return false;
      }
    },

    onSubscribe({ subscriptions }) {
      if (Object.keys(subscriptions).length <= operationsPerSocket) return undefined;
      const message = `This socket has ${operationsPerSocket} operations open: end some, or open another socket.`;
      return [new GraphQLError(message, { extensions: { code: 'OVERLOADED', retryAfterSeconds: 1 } })];
    },

    context({ extra }): SocketContext {
      const leaving = new AbortController();
      return { principal: extra.principal, services, requestId: randomUUID(), signal: leaving.signal, leaving };
    },

    execute: (args) => openOperation(args, execute, logger),
    subscribe: (args) => openOperation(args, subscribe, logger),
    onError: (_ctx, _id, _payload, errors) => errors.map((error) => maskError(error, randomUUID(), logger).toJSON()),
    onClose: ({ extra }) => extra.unwatch(),
  });

  function serve(webSocket: WebSocket): void {
    const client = clients.add(webSocket);
    const closed = protocol.opened(
      {
        protocol: webSocket.protocol,
        send: client.send,
        close: client.close,
        onMessage: (receive) =>
          webSocket.on('message', (message) => {
            receive(String(message)).catch((error) => {
              logger.error({ err: error }, 'a WebSocket message could not be handled');
              client.close(closeCodes.internalError, 'Internal error');
            });
          }),
      },
      { client, principal: null, unwatch: () => {} },
    );
    webSocket.once('close', (code, reason) => {
      closed(code, String(reason)).catch((error) => logger.error({ err: error }, 'a WebSocket ended badly'));
    });
  }

  return {
    upgrade(request, socket, head) {
      if (request.url?.split('?', 1)[0] !== graphqlPath) return refuseUpgrade(socket, '404 Not Found');
      if (!isAllowedOrigin(request, allowedOrigins)) return refuseUpgrade(socket, '403 Forbidden');
      server.handleUpgrade(request, socket, head, serve);
    },
    async [Symbol.asyncDispose]() {
      await clients.closeAll(closeCodes.goingAway, 'The server is stopping.');
      server.close();
    },
  };
}

async function authenticateParams(
  authenticator: Authenticator,
  params: Readonly<Record<string, unknown>> | undefined,
): Promise<Principal> {
  const given = params?.authorization ?? params?.Authorization;
  const principal = await authenticateHeader(authenticator, typeof given === 'string' ? given : null);
  if (principal) return principal;
  throw new DomainError('UNAUTHENTICATED', 'Send {"authorization": "Bearer slc_…"} as connectionParams.');
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}
