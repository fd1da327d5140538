import { createClient as createSocketClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { complete, type EventView, eventsDocument, find, textOf } from '../kit/completions.ts';
import { startBadNetwork } from './bad-network.ts';
import { type ApiKey, longStream, newKey, url, usageRecordsOf } from './service.ts';

const maxTokens = 400;
/** Less than the last event alone, which has the whole text: no connection gets to the end before the network is good. */
const breaks = { connections: 5, afterBytes: 1_200 };

describe('the graphql-ws client', () => {
  it('streams a completion to its end', async () => {
    const key = await newKey();
    const { id } = await complete(key.client, await longStream(40));
    const events = await follow(url, key, { id });
    expect(events.at(-1)).toMatchObject({ __typename: 'CompletionFinished' });
    expect(textOf(events)).toBe(events.at(-1)!.completion!.choices[0]!.text);
  });

  it('resubscribes by itself after every break, gets the same events again, and nothing runs or is billed twice', async () => {
    const key = await newKey();
    await using network = await startBadNetwork(url, breaks);
    const { id } = await complete(key.client, await longStream(maxTokens));
    const events = await follow(network.url, key, { id });
    expect(network.connections).toBe(breaks.connections + 1);

    const lastReplay = events.slice(events.findLastIndex(({ seq }, i) => i === 0 || seq <= events[i - 1]!.seq));
    expect(lastReplay.length).toBeLessThan(events.length);
    expect(textOf(lastReplay)).toBe(await textOfEnded(key, id));
    await expectOneBill(key, id);
  });

  it('sees no event twice and misses none where it moves its `after`', async () => {
    const key = await newKey();
    await using network = await startBadNetwork(url, breaks);
    const { id } = await complete(key.client, await longStream(maxTokens));
    const variables = { id, after: 0 };
    const events = await follow(network.url, key, variables, ({ seq }) => {
      variables.after = seq;
    });
    expect(network.connections).toBe(breaks.connections + 1);

    const seqs = events.map(({ seq }) => seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    expect(textOf(events)).toBe(await textOfEnded(key, id));
    await expectOneBill(key, id);
  });
});

/** The client's own defaults, but that it does not wait before it tries again. */
async function follow(
  service: string,
  key: ApiKey,
  variables: Record<string, unknown>,
  onEvent: (event: EventView) => void = () => {},
): Promise<EventView[]> {
  const client = createSocketClient({
    url: `${service.replace(/^http/u, 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: key.authorization },
    retryWait: async () => {},
  });
  const events: EventView[] = [];
  const results = client.iterate<{ completionEvents: EventView }>({ query: eventsDocument, variables });
  for await (const { data, errors } of results) {
    expect(errors).toBeUndefined();
    events.push(data!.completionEvents);
    onEvent(data!.completionEvents);
  }
  await client.dispose();
  return events;
}

async function textOfEnded(key: ApiKey, id: string): Promise<string> {
  const { status, choices, usage } = (await find(key.client, id))!;
  expect(status).toBe('SUCCEEDED');
  expect(usage.completionTokens).toBe(maxTokens);
  return choices[0]!.text;
}

async function expectOneBill(key: ApiKey, completionId: string): Promise<void> {
  expect(await usageRecordsOf(key)).toMatchObject([
    { completion: { id: completionId }, usage: { completionTokens: maxTokens } },
  ]);
}
