import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate as loopTurn } from 'node:timers/promises';
import { type ExecutionArgs, type ExecutionResult, GraphQLError, type GraphQLSchema } from 'graphql';
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
import type { Documents } from './documents.ts';
import { graphqlPath } from './graphql.ts';
import { createOpenWork, lastWordsMilliseconds } from './open-work.ts';
import { type OperationContext, type OperationOptions, openOperation } from './operation.ts';
import { isAllowedOrigin } from './origin.ts';
import { createTurns, type Turns } from './turns.ts';
import { createSocketOperations, type SocketOperations } from './websocket-operations.ts';
import { type ClientSocket, createClientSockets } from './websocket-sockets.ts';

export interface WebSocketOptions {
  readonly schema: GraphQLSchema;
  readonly documents: Documents;
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
const resultsUnderWay = 4;

interface SocketContext extends OperationContext {
  readonly turns: Turns;
}

interface Extra extends Record<PropertyKey, unknown> {
  readonly client: ClientSocket;
  readonly operations: SocketOperations;
  readonly turns: Turns;
  principal: Principal | null;
  unwatch: () => void;
}

/** GraphQL over WebSocket (the graphql-transport-ws protocol) at `/graphql`. */
export function createWebSocketEndpoint(options: WebSocketOptions): WebSocketEndpoint {
  const { schema, documents, services, authenticator, principalWatch, allowedOrigins, logger } = options;
  const clients = createClientSockets(options);
  const operations = createOpenWork();
  let stopping = false;
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
        if (extra.client.closing) return false;
        extra.unwatch = principalWatch.watch(
          extra.principal,
          (reason) => extra.client.close(closeCodes.forbidden, reason),
          (principal) => {
            extra.principal = principal;
          },
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

    async onSubscribe({ extra }, _id, { query, operationName, variables }) {
      if (stopping) return [overloaded('This server is stopping.')];
      // Those that the client has just completed get a turn to end.
      if (extra.operations.running > operationsPerSocket) await loopTurn();
      if (extra.operations.running > operationsPerSocket) {
        const message = `This socket has ${operationsPerSocket} operations open: end some, or open another socket.`;
        return [overloaded(message)];
      }
      const { document, errors } = documents.read(query);
      if (!document || errors.length > 0) return errors;
      return { schema, document, operationName, variableValues: variables };
    },

    context({ extra }): SocketContext {
      const leaving = new AbortController();
      const { principal, turns } = extra;
      return { principal, services, requestId: randomUUID(), signal: leaving.signal, leaving, turns };
    },

    execute: (args) => open(args, 'query or mutation'),
    subscribe: (args) => open(args, 'subscription'),
    onError: (_ctx, _id, _payload, errors) => errors.map((error) => maskError(error, randomUUID(), logger).toJSON()),
    onClose: ({ extra }) => extra.unwatch(),
  });

  function open(args: ExecutionArgs, type: OperationOptions<unknown>['type']): AsyncIterableIterator<ExecutionResult> {
    const { turns } = args.contextValue as SocketContext;
    return openOperation({ args, type, turns, show: (result) => result, onEnd: operations.begin(), logger });
  }

  function serve(webSocket: WebSocket): void {
    let receive: ((message: unknown) => Promise<void>) | undefined;
    let closed: ((code: number, reason: string) => Promise<void>) | undefined;
    const socket = clients.add(webSocket, (message) => {
      if (!receive) return;
      socketOperations.receive(message, receive).catch((error) => {
        logger.error({ err: error }, 'a WebSocket message could not be handled');
        client.close(closeCodes.internalError, 'Internal error');
      });
    });
    const client: ClientSocket = {
      async send(message) {
        const shown = socketOperations.show(message);
        if (shown !== undefined) await socket.send(shown);
      },
      // What runs for a client that is being closed ends now, whenever that client notices.
      close(code, reason) {
        socket.close(code, reason);
        leave(code, reason);
      },
      get closing() {
        return socket.closing;
      },
    };

    const socketOperations = createSocketOperations(client.close);

    function leave(code: number, reason: string): void {
      closed?.(code, reason).catch((error) => logger.error({ err: error }, 'a WebSocket ended badly'));
      closed = undefined;
    }

    closed = protocol.opened(
      {
        protocol: webSocket.protocol,
        send: client.send,
        close: client.close,
        onMessage(handle) {
          // It takes a message that is parsed as well.
          receive = handle as (message: unknown) => Promise<void>;
        },
      },
      {
        client,
        operations: socketOperations,
        turns: createTurns(resultsUnderWay),
        principal: null,
        unwatch: () => {},
      },
    );
    webSocket.once('close', (code, reason) => leave(code, String(reason)));
  }

  return {
    upgrade(request, socket, head) {
      if (request.url?.split('?', 1)[0] !== graphqlPath) return refuseUpgrade(socket, '404 Not Found');
      if (!isAllowedOrigin(request, allowedOrigins)) return refuseUpgrade(socket, '403 Forbidden');
      server.handleUpgrade(request, socket, head, serve);
    },
    async [Symbol.asyncDispose]() {
      stopping = true;
      await operations.ended(lastWordsMilliseconds);
      await loopTurn(); // For the `complete` that follows an operation's end.
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

function overloaded(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'OVERLOADED', retryAfterSeconds: 1 } });
}

/** The HTTP server has let go of the socket: an error on it is ours to hear. */
function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on('error', () => {});
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}
