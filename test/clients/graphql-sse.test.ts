import { createClient as createEventStream } from 'graphql-sse';
import { describe, expect, it } from 'vitest';
import { complete, type EventView, eventsDocument, find, textOf } from '../kit/completions.ts';
import { startBadNetwork } from './bad-network.ts';
import { type ApiKey, longStream, newKey, url, usageRecordsOf } from './service.ts';

describe('the graphql-sse client, a connection each', () => {
  it('streams a completion to its end, and again from any offset', async () => {
    const key = await newKey();
    const { id } = await complete(key.client, await longStream(60));
    const events = await follow(url, key, { id });
    expect(events.at(-1)).toMatchObject({ __typename: 'CompletionFinished' });
    const { text } = (await find(key.client, id))!.choices[0]!;
    expect(textOf(events)).toBe(text);

    const middle = events[Math.floor(events.length / 2)]!;
    const before = events.filter(({ seq }) => seq <= middle.seq);
    const rest = await follow(url, key, { id, after: middle.seq });
    expect(rest.every(({ seq }) => seq > middle.seq)).toBe(true);
    expect(textOf([...before, ...rest])).toBe(text);
  });

  it('comes back by itself after every break and sees no event twice where it moves its `after`', async () => {
    const key = await newKey();
    // The last event alone is larger: no connection gets to the end before the network is good.
    await using network = await startBadNetwork(url, { connections: 3, afterBytes: 1_200 });
    const { id } = await complete(key.client, await longStream(400));
    const variables = { id, after: 0 };
    const events = await follow(network.url, key, variables, ({ seq }) => {
      variables.after = seq;
    });
    expect(network.connections).toBe(4);
    const seqs = events.map(({ seq }) => seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    expect(textOf(events)).toBe((await find(key.client, id))!.choices[0]!.text);
    expect(await usageRecordsOf(key)).toHaveLength(1);
  });
});

async function follow(
  service: string,
  key: ApiKey,
  variables: Record<string, unknown>,
  onEvent: (event: EventView) => void = () => {},
): Promise<EventView[]> {
  const client = createEventStream({
    url: `${service}/graphql`,
    headers: { authorization: key.authorization },
    retry: async () => {},
  });
  const events: EventView[] = [];
  const results = client.iterate<{ completionEvents: EventView }>({ query: eventsDocument, variables });
  for await (const { data, errors } of results) {
    expect(errors).toBeUndefined();
    events.push(data!.completionEvents);
    onEvent(data!.completionEvents);
  }
  client.dispose();
  return events;
}
