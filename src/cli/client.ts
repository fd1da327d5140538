import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { ServerConnection, Variables } from './connection.ts';
import { ConnectionLost, Failure, rootMessage } from './failure.ts';

export interface ServerConnectionOptions {
  /** With or without the path /graphql. */
  readonly url: string;
  readonly apiKey: string;
}

export interface GraphqlResult {
  readonly data?: unknown;
  readonly errors?: readonly GraphqlErrorLike[] | undefined;
}

interface GraphqlErrorLike {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

const pingMilliseconds = 15_000;
const normalClosure = 1000;

/** A server, over HTTP and its WebSocket endpoint. */
export function connectToUrl({ url, apiKey }: ServerConnectionOptions): ServerConnection {
  const endpoint = endpointOf(url);
  const authorization = `Bearer ${apiKey}`;
  return {
    url: endpoint.origin,

    async execute<Data>(document: string, variables: Variables = {}): Promise<Data> {
      return dataOf<Data>(await post(endpoint, authorization, JSON.stringify({ query: document, variables })));
    },

    async *subscribe<Data>(document: string, variables: Variables, signal: AbortSignal): AsyncIterable<Data> {
      if (signal.aborted) return;
      // It would reconnect with the variables of the first attempt, and so repeat what was received: that is the caller's to decide.
      const client = createSingleAttemptClient(endpoint, authorization);
      const results = client.iterate({ query: document, variables });
      const leave = () => {
        void results.return?.();
        client.terminate();
      };
      signal.addEventListener('abort', leave, { once: true });
      try {
        for await (const result of results) yield dataOf<Data>(result as GraphqlResult);
      } catch (error) {
        if (!signal.aborted) throw toFailure(error, endpoint);
      } finally {
        signal.removeEventListener('abort', leave);
        await dispose(client);
      }
    },

    async [Symbol.asyncDispose]() {},
  };
}

/** The data of a result, or its first error as a Failure. */
export function dataOf<Data>({ data, errors }: GraphqlResult): Data {
  const [first] = errors ?? [];
  if (first) throw failureOf(first);
  return data as Data;
}

function failureOf({ message, extensions }: GraphqlErrorLike): Failure {
  const hint = extensions?.code === 'UNAUTHENTICATED' ? ' Set SLUICE_API_KEY to a key of this server.' : '';
  return new Failure(message + hint);
}

function endpointOf(url: string): URL {
  if (!URL.canParse(url) || !/^https?:$/u.test(new URL(url).protocol)) {
    throw new Failure(`SLUICE_URL: "${url}" is not an address such as http://127.0.0.1:4000`);
  }
  const endpoint = new URL(url);
  const path = endpoint.pathname.replace(/\/+$/u, '');
  endpoint.pathname = path.endsWith('/graphql') ? path : `${path}/graphql`;
  return endpoint;
}

async function post(endpoint: URL, authorization: string, body: string): Promise<GraphqlResult> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', authorization },
      body,
    });
    text = await response.text();
  } catch (error) {
    throw unreachable(endpoint, error);
  }
  const result = parseResult(text);
  if (!result) {
    throw new Failure(`${endpoint.href} answered HTTP ${response.status} but no GraphQL: is it a Sluice server?`);
  }
  return result;
}

function parseResult(text: string): GraphqlResult | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    const isResult = typeof parsed === 'object' && parsed !== null && ('data' in parsed || 'errors' in parsed);
    return isResult ? (parsed as GraphqlResult) : undefined;
  } catch {
    return undefined;
  }
}

function createSingleAttemptClient(endpoint: URL, authorization: string): Client {
  const url = new URL(endpoint);
  url.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';
  let pongTimeout: NodeJS.Timeout | undefined;
  const client: Client = createClient({
    url: url.href,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    connectionAckWaitTimeout: pingMilliseconds,
    retryAttempts: 0,
    keepAlive: pingMilliseconds,
    on: {
      ping(received) {
        if (!received) pongTimeout = setTimeout(() => client.terminate(), pingMilliseconds);
      },
      pong(received) {
        if (received) clearTimeout(pongTimeout);
      },
      closed(event) {
        clearTimeout(pongTimeout);
        // That counts as no failure there, and would be tried again at once: only a disposed client gives up.
        if ((event as { code?: unknown }).code === normalClosure) void dispose(client);
      },
    },
  });
  return client;
}

/** Ends quietly also where there never was a connection. */
async function dispose(client: Client): Promise<void> {
  await Promise.resolve(client.dispose()).catch(() => {});
}

/** Errors of a subscription: a list of GraphQL errors, a close event, or what the socket said. */
function toFailure(error: unknown, endpoint: URL): Failure {
  if (error instanceof Failure) return error;
  if (Array.isArray(error)) return failureOf(error[0] as GraphqlErrorLike);
  const { code, reason, message } = error as { code?: unknown; reason?: unknown; message?: unknown };
  if (code === 4401 || code === 4403) {
    return new Failure('The server does not accept the API key (any more): set SLUICE_API_KEY to a valid one.');
  }
  if (typeof code === 'number' && code >= 4400 && code < 4499) {
    return new Failure(`${endpoint.origin} closed the connection: ${String(reason || code)}`);
  }
  const detail = String(message || reason || `close code ${String(code)}`);
  return new ConnectionLost(`the connection to ${endpoint.origin} broke off (${detail})`);
}

function unreachable(endpoint: URL, error: unknown): Failure {
  return new ConnectionLost(
    `cannot reach ${endpoint.origin} (${rootMessage(error)}): is the server running, and SLUICE_URL right?`,
    1,
    { cause: error },
  );
}
