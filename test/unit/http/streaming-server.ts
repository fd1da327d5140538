import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { createMemoryTokenLog } from '../../../src/bus/memory/token-log.ts';
import type { CompletionId } from '../../../src/contracts/ids.ts';
import type { CompletionStore } from '../../../src/contracts/stores/completions.ts';
import type { LogEvent, TokenLog } from '../../../src/contracts/token-log.ts';
import type { Principal } from '../../../src/domain/access/principal.ts';
import { createCreations } from '../../../src/domain/completions/creations.ts';
import { createReadEvents, type ReadEvents } from '../../../src/domain/completions/events.ts';
import type { Services } from '../../../src/graphql/context.ts';
import { createSchema } from '../../../src/graphql/schema.ts';
import { createDocuments } from '../../../src/http/documents.ts';
import { createGraphqlHandler } from '../../../src/http/graphql.ts';
import { listen } from '../../../src/http/server.ts';
import { createWebSocketEndpoint } from '../../../src/http/websocket.ts';
import { createDisposer } from '../../../src/lib/disposer.ts';
import type { ReadyIterator } from '../../../src/lib/pull-iterator.ts';
import { silentLogger } from '../../../src/logger.ts';
import { completionId, completionWith, globalId, principalWith } from '../graphql/fixtures.ts';

/** The faces of a node over a real token log, without a database or an engine: tests write the log themselves. */
export interface StreamingServer extends AsyncDisposable {
  readonly url: string;
  readonly log: TokenLog;
  /** Of the one completion there is. */
  readonly globalId: string;
  readonly completionId: CompletionId;
  append(text: string): Promise<number>;
  finish(): Promise<void>;
  readonly attached: number;
  /** JSON bytes of the text that readers were handed, as messages. */
  readonly handedOutBytes: number;
  /** The server's ends of the connections that are open. */
  readonly sockets: ReadonlySet<Socket>;
  /** Ends the principal of every open connection, as a revocation does. */
  revoke(): void;
  readonly principalWatchers: number;
}

export interface StreamingServerOptions {
  readonly pingSeconds?: number;
  readonly stallSeconds?: number;
}

export async function startStreamingServer(options: StreamingServerOptions = {}): Promise<StreamingServer> {
  const { pingSeconds = 12, stallSeconds = 10 } = options;
  await using opened = createDisposer();
  const id = completionId();
  const log = opened.use(createMemoryTokenLog({ retention: { logSeconds: 900, logBytes: 1e9 } }));
  await log.create(id, 0);
  let text = '';
  let attached = 0;
  let handedOutBytes = 0;

  const running = () => completionWith({ id, status: 'RUNNING', finishedAt: null, choices: null });
  const ended = () => completionWith({ id, choices: [{ index: 0, text, finishReason: 'STOP', stopSequence: null }] });
  let isEnded = false;
  const store = {
    find: async () => [isEnded ? ended() : running()],
    findProject: async () => running().projectId,
    findByIdempotencyKey: async () => undefined,
  } as unknown as CompletionStore;
  const open = createReadEvents({ completions: store, log, creations: createCreations(store), pipelineWaitSeconds: 1 });
  const readEvents: ReadEvents = async (...args) => {
    const { events, ...rest } = await open(...args);
    return { ...rest, events: counting(events, (event) => (handedOutBytes += bytesOf(event))) };
  };
  const services = {
    completions: { readEvents, find: async () => [isEnded ? ended() : running()] },
    limits: { maxN: 8, maxStop: 16 },
    currency: 'USD',
  } as unknown as Services;

  const principal: Principal = principalWith('COMPLETIONS');
  const watchers = new Set<(reason: string) => void>();
  const sockets = new Set<Socket>();
  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    if (socket.localPort !== port) return;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  const schema = createSchema();
  const shared = {
    schema,
    documents: createDocuments(schema),
    services,
    authenticator: { authenticate: async () => principal, [Symbol.dispose]() {} },
    principalWatch: {
      watch(_: Principal, onEnd: (reason: string) => void) {
        watchers.add(onEnd);
        return () => void watchers.delete(onEnd);
      },
      [Symbol.dispose]() {},
    },
    allowedOrigins: [],
    pingSeconds,
    stallSeconds,
    logger: silentLogger,
  };
  const webSockets = createWebSocketEndpoint({ ...shared, largestMessageBytes: 1_000_000 });
  const server = opened.use(
    await listen({
      host: '127.0.0.1',
      port: 0,
      keepAliveSeconds: pingSeconds,
      stallSeconds,
      handlers: [createGraphqlHandler({ ...shared, graphiql: false, requestBytes: 1_000_000 })],
      onUpgrade: webSockets.upgrade,
      onError: () => {},
    }),
  );
  opened.use(webSockets);
  const port = Number(new URL(server.url).port);
  subscribe('net.server.socket', onSocket);
  opened.defer(() => void unsubscribe('net.server.socket', onSocket));
  log.watchReaders(id, (now) => {
    attached = now;
  });
  const owned = opened.move();

  return {
    url: server.url,
    log,
    completionId: id,
    globalId: globalId('Completion', id),
    sockets,
    get attached() {
      return attached;
    },
    get handedOutBytes() {
      return handedOutBytes;
    },
    get principalWatchers() {
      return watchers.size;
    },
    async append(piece) {
      text += piece;
      return log.append(id, 1, { type: 'delta', choices: [{ index: 0, text: piece, tokens: 1 }] });
    },
    async finish() {
      isEnded = true;
      await log.finalise(id, 1, { type: 'finished', usage: ended().usage }, 0);
    },
    revoke() {
      for (const end of [...watchers]) end('The API key was revoked.');
    },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  };
}

/** Of a message with both `text` and `choices.text`. */
function bytesOf(event: LogEvent): number {
  if (event.type !== 'delta') return 0;
  return event.choices.reduce((sum, { text }) => sum + 2 * text.length, 0);
}

function counting<T>(events: ReadyIterator<T>, count: (event: T) => void): ReadyIterator<T> {
  const counted = (result: IteratorResult<T>): IteratorResult<T> => {
    if (!result.done) count(result.value);
    return result;
  };
  const iterator: ReadyIterator<T> = {
    nextNow() {
      const result = events.nextNow();
      return result && counted(result);
    },
    next: async () => counted(await events.next()),
    return: (value) => events.return!(value),
    throw: (error) => events.throw!(error),
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}
