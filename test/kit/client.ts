import type { ExecutionResult } from 'graphql';
import { createClient as createSocketClient } from 'graphql-ws';
import { expect } from 'vitest';
import { WebSocket } from 'ws';

/** A GraphQL client over real sockets, acting with one API key. */
export interface Client {
  readonly secret: string;
  /** Of GraphQL over HTTP and SSE. */
  readonly endpoint: string;
  /** Over HTTP; fails the test on errors. */
  execute<Data>(document: string, variables?: object): Promise<Data>;
  /** Over HTTP; the raw answer. */
  request<Data>(document: string, variables?: object, signal?: AbortSignal): Promise<Answer<Data>>;
  /** Over WebSocket, on a socket of its own: results as they come. Leaving the loop leaves the server. */
  subscribe<Data>(document: string, variables?: object): AsyncIterableIterator<ExecutionResult<Data>>;
}

export interface Answer<Data> extends ExecutionResult<Data> {
  readonly status: number;
}

export function createClient(url: string, secret: string): Client {
  async function request<Data>(document: string, variables: object = {}, signal?: AbortSignal): Promise<Answer<Data>> {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(secret ? { authorization: `Bearer ${secret}` } : {}) },
      body: JSON.stringify({ query: document, variables }),
      signal: signal ?? null,
    });
    return { status: response.status, ...((await response.json()) as ExecutionResult<Data>) };
  }

  return {
    secret,
    endpoint: `${url}/graphql`,
    request,
    execute: async <Data>(document: string, variables: object = {}) =>
      expectNoErrors(await request<Data>(document, variables)),
    subscribe: <Data>(document: string, variables: object = {}) => {
      const socket = createSocketClient({
        url: `${url.replace(/^http/u, 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        connectionParams: { authorization: `Bearer ${secret}` },
        retryAttempts: 0,
      });
      return closeAfter(
        socket.iterate<Data>({
          query: document,
          variables: variables as Record<string, unknown>,
        }) as AsyncIterableIterator<ExecutionResult<Data>>,
        socket,
      );
    },
  };
}

/** The data of an answer that must have no errors. */
export function expectNoErrors<Data>({ data, errors }: ExecutionResult<Data>): Data {
  expect(errors).toBeUndefined();
  expect(data).toBeTruthy();
  return data as Data;
}

function closeAfter<T>(results: AsyncIterableIterator<T>, socket: { dispose(): void | Promise<void> }) {
  const close = async <R>(result: R) => {
    await socket.dispose();
    return result;
  };
  const closing: AsyncIterableIterator<T> = {
    async next() {
      const result = await results.next();
      return result.done ? close(result) : result;
    },
    return: async () => close(await results.return!()),
    throw: async (error) => close(await results.throw!(error)),
    [Symbol.asyncIterator]: () => closing,
  };
  return closing;
}
