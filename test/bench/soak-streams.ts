import { once, setMaxListeners } from 'node:events';
import { WebSocket } from 'ws';
import { endless, request, runChaoticCompletion } from '../kit/chaos.ts';
import { startFaultyNetwork } from '../kit/faulty-network.ts';
import { readThrough } from '../kit/persistent-reader.ts';
import { createRandom } from '../kit/random.ts';
import { requireFlat, show, startSoakServer } from './soak-process.ts';

export interface SoakOptions {
  readonly engine: 'llama' | 'scripted';
  readonly streams: number;
  /** Each soak has its own default. */
  readonly minutes: number | undefined;
  readonly completions: number;
  readonly readers: number;
  readonly runs: number;
  readonly kills: number;
  readonly outageSeconds: number;
  readonly store: 'pglite' | 'postgres';
  readonly clients: number;
  readonly seed: number;
}

export type Report = Readonly<Record<string, unknown>>;

/** Streams over a faulty network for minutes; then the server must be as it was before. */
export async function soakStreams({ engine, streams, minutes = 3, seed }: SoakOptions): Promise<Report> {
  const random = createRandom(seed);
  await using server = await startSoakServer(engine, {
    streams: { pingSeconds: 1, stallSeconds: 2, graceSeconds: 5, firstReaderSeconds: 120 },
    limits: { queueRequests: 10_000, queuePromptTokens: 10_000_000, queueSeconds: 100_000 },
    retention: { logSeconds: 1 },
  });
  const { url, adminSecret: secret } = server;
  await using network = await startFaultyNetwork({ target: new URL(url), random, faultMilliseconds: 2_000 });
  const input =
    engine === 'llama'
      ? { model: 'starter', maxTokens: 60, logitBias: await endless(url, secret, 'starter') }
      : { model: 'scripted', maxTokens: 1_000, prompt: 'words 500' };
  const chaos = { url, faultyUrl: network.address, secret, input, silenceMilliseconds: 5_000, random };

  const signal = AbortSignal.timeout((minutes + 5) * 60_000);
  setMaxListeners(0, signal);
  let completions = 0;
  let reconnections = 0;
  let characters = 0;
  async function runUntil(stopAt: number): Promise<void> {
    do {
      const outcome = await runChaoticCompletion({ ...chaos, signal });
      completions++;
      reconnections += outcome.reconnections;
      characters += outcome.characters;
    } while (Date.now() < stopAt);
  }

  // One round first: what is made once and kept is no leak.
  await Promise.all(Array.from({ length: streams }, () => runUntil(0)));
  const before = await server.settled();
  await Promise.all(Array.from({ length: streams }, () => runUntil(Date.now() + minutes * 60_000)));
  const after = await server.settled();
  requireFlat(before, after);
  return { completions, reconnections, characters, faults: network.happened, ...show(before, after) };
}

/** Readers that stop reading, beside one that does not. */
export async function soakStalled({ readers }: SoakOptions): Promise<Report> {
  await using server = await startSoakServer('scripted', { streams: { stallSeconds: 600, pingSeconds: 600 } });
  const { url, adminSecret: secret } = server;
  const before = await server.settled();
  const create = async (words: number) => {
    const document = `mutation ($input: CreateCompletionInput!) { createCompletion(input: $input) {
      ... on CreateCompletionPayload { completion { id } } ... on UserError { message } } }`;
    const input = { model: 'scripted', prompt: `words ${words}`, maxTokens: 900_000, mode: 'BACKGROUND' };
    const answer = await request<{ createCompletion: { completion: { id: string } } }>(url, secret, document, {
      input,
    });
    return answer.createCompletion.completion.id;
  };
  const read = (id: string) =>
    readThrough({
      url,
      secret,
      id,
      transport: 'WebSocket',
      silenceMilliseconds: 60_000,
      signal: AbortSignal.timeout(600_000),
    });

  const long = await create(20_000);
  const { texts } = await read(long);
  const alone = await timed(async () => read(await create(2_000)));
  const sockets: WebSocket[] = [];
  // A few at a time: a server that greets a thousand at once cuts off those that it did not come to in time.
  while (sockets.length < readers) {
    const next = Math.min(connectingAtOnce, readers - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: next }, () => openStalled(url, secret, long)))));
  }
  const stalled = await server.idle();
  const beside = await timed(async () => read(await create(2_000)));
  const during = await server.measure();
  for (const socket of sockets) socket.terminate();
  const after = await server.settled();
  if (stalled.largestBufferedBytes > 1_048_576) throw new Error(`${stalled.largestBufferedBytes} bytes are buffered`);
  if (alone.result.texts[0] !== beside.result.texts[0]) throw new Error('the healthy reader got another text');
  return {
    readers,
    offeredBytesEach: texts.join('').length * 2 * subscriptionsEach,
    largestBufferedBytes: Math.max(stalled.largestBufferedBytes, during.largestBufferedBytes),
    heapBytesPerStalledReader: Math.round((during.heapBytes - before.heapBytes) / readers),
    healthyAloneSeconds: alone.seconds,
    healthyBesideSeconds: beside.seconds,
    ...show(before, after),
  };
}

/** Many completions, one after the other: the server keeps nothing of those that ended. */
export async function soakFlat({ completions }: SoakOptions): Promise<Report> {
  await using server = await startSoakServer('scripted', { retention: { logSeconds: 0.5 } });
  const { url, adminSecret: secret } = server;
  const document = `mutation { createCompletion(input: { model: "scripted", prompt: "one two three four" }) {
    ... on CreateCompletionPayload { completion { status choices { text } } } ... on UserError { message } } }`;
  async function run(count: number): Promise<void> {
    let left = count;
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (left-- > 0) {
          const answer = await request<{ createCompletion: { completion?: { status: string } } }>(
            url,
            secret,
            document,
            {},
          );
          if (answer.createCompletion.completion?.status !== 'SUCCEEDED') throw new Error(JSON.stringify(answer));
        }
      }),
    );
  }
  await run(Math.ceil(completions / 10));
  const before = await server.settled();
  const { seconds } = await timed(() => run(completions));
  const after = await server.settled();
  requireFlat(before, after);
  return { completions, perSecond: Math.round(completions / seconds), ...show(before, after) };
}

/** So that what is offered is more than the operating system buffers. */
const subscriptionsEach = 16;
const connectingAtOnce = 16;

/** Subscribes, and reads nothing of what comes. */
async function openStalled(url: string, secret: string, id: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace(/^http/u, 'ws')}/graphql`, 'graphql-transport-ws');
  await once(socket, 'open');
  const closed = once(socket, 'close').then(([code]) => {
    throw new Error(`the server closed the connection of a stalled reader with ${code}`);
  });
  socket.on('error', () => {});
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${secret}` } }));
  await Promise.race([once(socket, 'message'), closed]);
  closed.catch(() => {});
  socket.pause();
  const query =
    'subscription ($id: ID!) { completionEvents(id: $id) { seq ... on CompletionDelta { text choices { text } } } }';
  for (let i = 0; i < subscriptionsEach; i++) {
    socket.send(JSON.stringify({ id: String(i), type: 'subscribe', payload: { query, variables: { id } } }));
  }
  return socket;
}

async function timed<T>(run: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const start = performance.now();
  const result = await run();
  return { result, seconds: Number(((performance.now() - start) / 1_000).toFixed(2)) };
}
