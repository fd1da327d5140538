import {
  type AnyVariables,
  Client,
  cacheExchange,
  type Exchange,
  fetchExchange,
  type OperationResult,
  subscriptionExchange,
} from '@urql/core';
import { createClient as createEventStream } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type Created, createDocument, type EventView, eventsDocument, textOf } from '../kit/completions.ts';
import { endpoint, longStream, newKey, socketEndpoint } from './service.ts';

interface Transport {
  exchange(authorization: string): Exchange | undefined;
  readonly fetchSubscriptions: boolean;
}

/** The three ways that urql's documentation names. */
const transports: Record<string, Transport> = {
  'graphql-ws': {
    fetchSubscriptions: false,
    exchange(authorization) {
      const client = createSocketClient({
        url: socketEndpoint,
        webSocketImpl: WebSocket,
        connectionParams: { authorization },
      });
      return subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: client.subscribe({ query: query!, variables: variables as never }, sink as never),
          }),
        }),
      });
    },
  },
  'graphql-sse': {
    fetchSubscriptions: false,
    exchange(authorization) {
      const client = createEventStream({ url: endpoint, headers: { authorization } });
      return subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: client.subscribe({ query: query!, variables: variables as never }, sink as never),
          }),
        }),
      });
    },
  },
  'its own fetch': { fetchSubscriptions: true, exchange: () => undefined },
};

describe.each(Object.entries(transports))('urql, subscribing with %s', (_name, transport) => {
  it('creates and streams a completion to its end', async () => {
    const client = await openUrql(transport);
    const created = await client.mutation<{ createCompletion: Created }>(createDocument, {
      input: await longStream(40),
    });
    expect(created.error).toBeUndefined();
    const { id } = created.data!.createCompletion.completion!;

    const events: EventView[] = [];
    await new Promise<void>((ended, failed) => {
      client
        .subscription<{ completionEvents: EventView }>(eventsDocument, { id })
        .subscribe(({ data, error, hasNext }: OperationResult<{ completionEvents: EventView }, AnyVariables>) => {
          if (error) failed(error);
          const event = data?.completionEvents;
          // At the end urql may say the last result again.
          if (event && event.seq !== events.at(-1)?.seq) events.push(event);
          if (event?.completion || hasNext === false) ended();
        });
    });
    const end = events.at(-1)!;
    expect(end.__typename).toBe('CompletionFinished');
    expect(textOf(events)).toBe(end.completion!.choices[0]!.text);
  });
});

it('urql queries, and reads a typed refusal as data', async () => {
  const client = await openUrql(transports['its own fetch']!);
  const { data, error } = await client.query('{ models { name status } }', {});
  expect(error).toBeUndefined();
  expect(data).toMatchObject({ models: [{ name: 'starter' }] });

  const refused = await client.mutation(createDocument, { input: { model: 'missing', prompt: 'Hello' } });
  expect(refused.error).toBeUndefined();
  expect(refused.data).toMatchObject({
    createCompletion: { __typename: 'ModelNotFoundError', code: 'MODEL_NOT_FOUND', message: expect.any(String) },
  });
});

async function openUrql({ exchange, fetchSubscriptions }: Transport): Promise<Client> {
  const { authorization } = await newKey();
  const subscribing = exchange(authorization);
  return new Client({
    url: endpoint,
    fetchOptions: { headers: { authorization } },
    fetchSubscriptions,
    exchanges: [cacheExchange, ...(subscribing ? [subscribing] : []), fetchExchange],
  });
}
