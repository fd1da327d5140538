import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { forgetRest } from './forget-rest.ts';
import { createOpenWork, lastWordsMilliseconds } from './open-work.ts';

/** Answers a request, or says that it is not its own (`false`): the next handler is asked. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  /** After so long without traffic the operating system probes a connection; ten seconds later a half-open one is closed. */
  readonly keepAliveSeconds: number;
  /** A connection that has not sent the whole head of a request so long after it was made, or after the request began, is closed. */
  readonly headersSeconds?: number;
  /** A client that takes nothing of a finished answer for so long is cut off. Answers that are not finished are their writers' to watch. */
  readonly stallSeconds: number;
  /** Asked in order; nobody's request is a 404. */
  readonly handlers: readonly Handler[];
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly onError: (error: unknown) => void;
}

export interface HttpServer extends AsyncDisposable {
  readonly url: string;
}

/** The address is taken: `message` says which. */
export class AddressInUseError extends Error {
  override readonly name = 'AddressInUseError';
}

export async function listen(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, keepAliveSeconds, headersSeconds = 20, stallSeconds } = options;
  const { handlers, onUpgrade, onError } = options;
  const sockets = new Set<Socket>();
  const responses = createOpenWork();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const handle of handlers) if (await handle(request, response)) return;
    response
      .writeHead(404, { 'content-type': 'text/plain; charset=utf-8' })
      .end('Not found. The API is at /graphql.\n');
  }

  function cutOffStalled({ socket }: IncomingMessage, response: ServerResponse): void {
    response.once('prefinish', () => socket.setTimeout(stallSeconds * 1_000));
    // Before the listener of Node's own, which sets a time for the next request.
    response.prependOnceListener('finish', () => socket.setTimeout(0));
  }

  const transport = {
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveSeconds * 1_000,
    // Streams stay open for as long as they have something to say; only a request's own arrival is timed.
    headersTimeout: headersSeconds * 1_000,
    requestTimeout: 60_000,
    connectionsCheckingInterval: headersSeconds * 250,
  };
  const server = createServer(transport, (request, response) => {
    response.once('close', responses.begin());
    response.once('finish', () => forgetRest(request));
    cutOffStalled(request, response);
    answer(request, response).catch((error) => {
      onError(error);
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' }).end('Internal error\n');
      else response.destroy();
    });
  });
  server.on('upgrade', onUpgrade);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE' ? new AddressInUseError(`${host}:${port} is in use by another process`) : error,
      );
    });
    server.listen(port, host, resolve);
  });
  server.on('error', onError);
  const { port: actualPort } = server.address() as AddressInfo;

  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actualPort}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      await responses.ended(lastWordsMilliseconds);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
