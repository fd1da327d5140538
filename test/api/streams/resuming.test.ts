import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { type Client, expectNoErrors } from '../../kit/client.ts';
import {
  allEvents,
  complete,
  type EventsOf,
  type EventView,
  events,
  serverSentEvents,
  textOf,
} from '../../kit/completions.ts';
import { waitFor } from '../../kit/wait-for.ts';

type Read = (client: Client, of: EventsOf) => AsyncGenerator<EventView, void, undefined>;

const transports: readonly [string, Read][] = [
  ['WebSocket', events],
  ['SSE', readServerSentEvents],
];

async function* readServerSentEvents(client: Client, of: EventsOf): ReturnType<Read> {
  for await (const result of serverSentEvents(client, of)) yield expectNoErrors(result).completionEvents;
}

async function readAll(read: Read, client: Client, of: EventsOf): Promise<EventView[]> {
  const all: EventView[] = [];
  for await (const event of read(client, of)) all.push(event);
  return all;
}

/** What has come of both choices up to a seq that was received. */
const textsUpTo = (all: readonly EventView[], seq: number) =>
  [0, 1].map((index) =>
    textOf(
      all.filter((event) => event.seq <= seq),
      index,
    ),
  );

describe('a reader of the real engine', () => {
  let app: TestApp;
  let client: Client;
  let live: readonly EventView[];
  let id: string;

  beforeAll(async () => {
    app = await startApp({ config: { retention: { logSeconds: 2 } } });
    client = await app.newClient();
    const input = { model: 'starter', prompt: 'Once upon a time', n: 2, maxTokens: 16, temperature: 0.8, seed: 7 };
    ({ id } = await complete(client, { ...input, mode: 'STREAM' }));
    live = await allEvents(client, { id });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  async function expectSameFromEverySeq(read: Read): Promise<void> {
    const whole = textsUpTo(live, Number.POSITIVE_INFINITY);
    expect(whole[0]!.length).toBeGreaterThan(0);
    await Promise.all(
      [0, ...live.map(({ seq }) => seq)].map(async (after) => {
        const rest = await readAll(read, client, { id, after });
        const had = textsUpTo(live, after);
        expect([0, 1].map((index) => had[index] + textOf(rest, index))).toEqual(whole);
        const seqs = rest.map(({ seq }) => seq);
        expect(seqs).toEqual([...new Set(seqs)].filter((seq) => seq > after).sort((a, b) => a - b));
        expect(rest.at(-1)?.seq).toBe(after === live.at(-1)!.seq ? undefined : live.at(-1)!.seq);
      }),
    );
  }

  it.each(transports)('gets the rest from the log after any event, over %s', (_, read) => expectSameFromEverySeq(read));

  it.each(transports)('gets the same from the store when the log is gone, over %s', async (_, read) => {
    // Of its start, only the log tells.
    const fromStore = async () => (await allEvents(client, { id }))[0]?.__typename === 'CompletionDelta';
    await waitFor('the log to be let go', fromStore);
    await expectSameFromEverySeq(read);
  });
});

describe('a reader that is cut off after any event, while it goes on', () => {
  const words = ['alpha', 'beta', 'gamma', 'delta', 'epsilon'];

  it.each(transports)('misses nothing and gets nothing twice, over %s', async (_, read) => {
    const inference = createScriptedInference();
    await using app = await startApp({ inference });
    const client = await app.newClient();
    const prompt = words.join(' ');
    for (let cut = 1; cut <= words.length + 2; cut++) {
      inference.hold();
      const { id } = await complete(client, { model: 'scripted', prompt, mode: 'STREAM' });
      const seen: EventView[] = [];
      for await (const event of read(client, { id })) {
        seen.push(event);
        if (seen.length === cut) break;
        // One token more for each event, so that each is an event of its own.
        if (event.__typename !== 'CompletionQueued') inference.allow(1);
      }
      inference.release();
      seen.push(...(await readAll(read, client, { id, after: seen.at(-1)!.seq })));
      expect(textOf(seen), `cut after ${cut}`).toBe(prompt);
      expect(seen.map(({ seq }) => seq)).toEqual([...new Set(seen.map(({ seq }) => seq))].sort((a, b) => a - b));
      expect(seen.at(-1)).toMatchObject({ __typename: 'CompletionFinished' });
    }
  });
});
