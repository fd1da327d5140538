import { type App, type AppOptions, openApp } from './app.ts';
import type { Config } from './config.ts';
import type { Inference } from './contracts/inference.ts';
import type { Logger } from './contracts/logger.ts';
import { createSchema } from './graphql/schema.ts';
import { createDocuments } from './http/documents.ts';
import { createGraphqlHandler } from './http/graphql.ts';
import { createHealthHandler } from './http/health.ts';
import { createOpenAiHandler } from './http/openai.ts';
import { writeOperatorFile } from './http/operator-file.ts';
import { type HttpServer, listen } from './http/server.ts';
import { createWebSocketEndpoint } from './http/websocket.ts';
import { createDisposer, type Disposer } from './lib/disposer.ts';
import { createLogger } from './logger.ts';

/** An API node: config → app → listen → graceful stop. */
export interface RunningServer {
  readonly url: string;
  /** The admin key's secret, only where this start made it: to be shown once. */
  readonly adminSecret: string | undefined;
  /**
   * Not ready at once, new work refused, running streams finished within the drain limit, the rest ended and billed. Stopping again
   * waits no longer.
   */
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly logger?: Logger;
  /** In place of the llama.cpp pool, for tests of our own logic. */
  readonly inference?: Inference;
}

export async function startServer(config: Config, options: ServerOptions = {}): Promise<RunningServer> {
  const { logger = createLogger(config.logLevel), inference } = options;
  const opened = createDisposer();
  try {
    const appOptions: AppOptions = { config, logger, ...(inference ? { inference } : {}) };
    const app = opened.use(await openApp(appOptions));
    await app.run();
    const server = await listenFor(app, config, logger, opened);
    // Not before the port is ours: the secret of a start that fails would be lost.
    const adminSecret = await app.makeAdminKey();
    const operatorFile = { url: server.url, operatorToken: app.operatorToken };
    opened.use(await writeOperatorFile(config.dataDirectory, operatorFile));
    logger.info({ url: server.url }, 'listening');

    const stopNow = new AbortController();
    let stopped: Promise<void> | undefined;
    return {
      url: server.url,
      adminSecret,
      stop() {
        if (stopped) stopNow.abort();
        stopped ??= stop(app, config.streams.drainSeconds, stopNow.signal).finally(() => opened[Symbol.asyncDispose]());
        return stopped;
      },
    };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

async function stop(app: App, drainSeconds: number, signal: AbortSignal): Promise<void> {
  const limit = drainSeconds > 0 ? AbortSignal.timeout(drainSeconds * 1_000) : AbortSignal.abort();
  await app.drain(AbortSignal.any([signal, limit]));
}

async function listenFor(app: App, config: Config, logger: Logger, opened: Disposer): Promise<HttpServer> {
  const { services, authenticator, principalWatch } = app;
  const { allowedOrigins, graphiql, limits, streams } = config;
  const { pingSeconds, stallSeconds } = streams;
  const principals = { authenticator, principalWatch };
  const schema = createSchema();
  const documents = createDocuments(schema);
  const shared = { schema, documents, services, ...principals, allowedOrigins, pingSeconds, stallSeconds, logger };
  const webSockets = createWebSocketEndpoint({ ...shared, largestMessageBytes: limits.requestBytes });
  const server = opened.use(
    await listen({
      host: config.host,
      port: config.port,
      keepAliveSeconds: pingSeconds,
      stallSeconds,
      handlers: [
        createHealthHandler({ notReadyBecause: () => notReadyBecause(app) }),
        createGraphqlHandler({ ...shared, graphiql, requestBytes: limits.requestBytes }),
        createOpenAiHandler({ ...shared, requestBytes: limits.requestBytes }),
      ],
      onUpgrade: webSockets.upgrade,
      onError: (error) => logger.error({ err: error }, 'a request failed'),
    }),
  );
  opened.use(webSockets);
  return server;
}

async function notReadyBecause(app: App): Promise<string | null> {
  if (app.draining) return 'the server is stopping';
  try {
    await app.store.ping();
  } catch {
    return 'the database does not answer';
  }
  return app.inference.ready() ? null : 'no model is loaded yet';
}
