import { ApolloClient, ApolloLink, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { createClient as createSocketClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type Created, createDocument, type EventView, eventsDocument, textOf } from '../kit/completions.ts';
import { endpoint, longStream, newKey, socketEndpoint } from './service.ts';

const create = gql(createDocument);
const watchEvents = gql(eventsDocument);
const statusOf = gql('query ($id: ID!) { completion(id: $id) { id status } }');

describe('Apollo Client', () => {
  it('creates over HTTP, streams over WebSocket, and finds the end in its cache', async () => {
    await using apollo = await openApollo();
    const { client } = apollo;
    const input = await longStream(40);
    const { data } = await client.mutate<{ createCompletion: Created }>({ mutation: create, variables: { input } });
    const { id } = data!.createCompletion.completion!;

    const events: EventView[] = [];
    await new Promise<void>((complete, error) => {
      client.subscribe<{ completionEvents: EventView }>({ query: watchEvents, variables: { id } }).subscribe({
        next: (result) => {
          if (result.error) error(result.error);
          else events.push(result.data!.completionEvents);
        },
        complete,
        error,
      });
    });
    const end = events.at(-1)!;
    expect(end.__typename).toBe('CompletionFinished');
    expect(textOf(events)).toBe(end.completion!.choices[0]!.text);

    const cached = client.readQuery({ query: statusOf, variables: { id } });
    expect(cached ?? (await client.query({ query: statusOf, variables: { id } })).data).toMatchObject({
      completion: { id, status: 'SUCCEEDED' },
    });
  });

  it('reads a typed refusal as data, by its type and by its interface', async () => {
    await using apollo = await openApollo();
    const input = { model: 'default', prompt: 'Hello', temperature: 3 };
    const { data, error } = await apollo.client.mutate({ mutation: create, variables: { input } });
    expect(error).toBeUndefined();
    expect(data).toMatchObject({
      createCompletion: {
        __typename: 'InvalidInputError',
        code: 'INVALID_INPUT',
        message: expect.any(String),
        issues: [{ path: ['temperature'] }],
      },
    });
  });

  it('tells top-level errors by their code', async () => {
    await using apollo = await openApollo('Bearer nonsense');
    const refused = apollo.client.query({ query: gql('{ models { name } }') });
    await expect(refused).rejects.toBeInstanceOf(CombinedGraphQLErrors);
    await expect(refused).rejects.toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  });
});

async function openApollo(authorization?: string) {
  const given = authorization ?? (await newKey()).authorization;
  const socket = createSocketClient({
    url: socketEndpoint,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: given },
  });
  const link = ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: endpoint, headers: { authorization: given } }),
  );
  const cache = new InMemoryCache({
    possibleTypes: await possibleTypes(given),
    // Events have no ids and follow one another: each takes the last one's place.
    typePolicies: { Subscription: { fields: { completionEvents: { merge: false } } } },
  });
  const client = new ApolloClient({ link, cache });
  return {
    client,
    async [Symbol.asyncDispose]() {
      client.stop();
      await socket.dispose();
    },
  };
}

/** As Apollo's documentation tells to make them. */
async function possibleTypes(authorization: string): Promise<Record<string, string[]>> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify({ query: '{ __schema { types { kind name possibleTypes { name } } } }' }),
  });
  const { data } = (await response.json()) as {
    data?: { __schema: { types: { name: string; possibleTypes: { name: string }[] | null }[] } };
  };
  return Object.fromEntries(
    (data?.__schema.types ?? []).flatMap(({ name, possibleTypes }) =>
      possibleTypes ? [[name, possibleTypes.map((type) => type.name)]] : [],
    ),
  );
}
