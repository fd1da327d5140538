import { once } from 'node:events';
import { WebSocket } from 'ws';
import { request } from '../kit/chaos.ts';
import { type ReadThrough, readThrough } from '../kit/persistent-reader.ts';
import { type SoakServer, show, startSoakServer } from './soak-process.ts';
import type { Report, SoakOptions } from './soak-streams.ts';
import { median } from './table.ts';
import { timed } from './timed.ts';

/** So that what is offered is more than the operating system buffers. */
const subscriptionsEach = 16;
const connectingAtOnce = 16;
const mostBufferedBytes = 1_048_576;
/** Each with a text of its own: together far more than the few that the server keeps for those who read them. */
const storedCompletions = 120;
/** Of these texts, for all readers together. */
const mostHeld = 1 / 2;
/** How much longer a healthy reader may take beside the stalled ones: what collecting garbage among their state costs it. */
const mostSlowdown = 1.5;
const streams = { stallSeconds: 600, pingSeconds: 600 };

/** Readers that stop reading, beside one that does not. */
export async function soakStalled({ readers }: SoakOptions): Promise<Report> {
  await using server = await startSoakServer('scripted', { streams });
  const before = await server.settled();
  const long = await create(server, 20_000);
  const { texts } = await read(server, long);
  const alone = await healthyReads(server);
  const sockets = await openStalledReaders(server, readers, () => long);
  const stalled = await server.idle();
  const beside = await healthyReads(server);
  const during = await server.measure();
  for (const socket of sockets) socket.terminate();
  const after = await server.settled();
  requireBounded(stalled.largestBufferedBytes);
  if (alone.text !== beside.text) throw new Error('the healthy reader got another text');
  const slowdown = beside.seconds / alone.seconds;
  if (slowdown > mostSlowdown) throw new Error(`the healthy reader took ${slowdown.toFixed(2)} times as long`);
  return {
    readers,
    offeredBytesEach: texts.join('').length * 2 * subscriptionsEach,
    largestBufferedBytes: Math.max(stalled.largestBufferedBytes, during.largestBufferedBytes),
    heapBytesPerStalledReader: Math.round((during.heapBytes - before.heapBytes) / readers),
    healthyAloneSeconds: alone.seconds,
    healthyBesideSeconds: beside.seconds,
    slowdown: Number(slowdown.toFixed(2)),
    ...show(before, after),
  };
}

/** Readers that stop reading completions whose logs were let go: what they have still to get is in the store, and not in memory. */
export async function soakStored({ readers }: SoakOptions): Promise<Report> {
  await using server = await startSoakServer('scripted', { streams, retention: { logSeconds: 0.1 } });
  const ids: string[] = [];
  let textBytes = 0;
  for (let i = 0; i < Math.min(readers, storedCompletions); i++) {
    const id = await create(server, 100_000);
    ids.push(id);
    textBytes += (await read(server, id)).texts.join('').length;
  }
  const before = await server.settled();
  const sockets = await openStalledReaders(server, readers, (reader) => ids[reader % ids.length]!);
  const stalled = await server.idle();
  for (const socket of sockets) socket.terminate();
  const after = await server.settled();
  requireBounded(stalled.largestBufferedBytes);
  const heldBytes = stalled.heapBytes - before.heapBytes;
  if (heldBytes > mostHeld * textBytes) throw new Error(`${heldBytes} bytes are held of texts that have ${textBytes}`);
  return {
    readers,
    completions: ids.length,
    textBytes,
    heldBytes,
    heapBytesPerStalledReader: Math.round(heldBytes / readers),
    largestBufferedBytes: stalled.largestBufferedBytes,
    ...show(before, after),
  };
}

function requireBounded(bufferedBytes: number): void {
  if (bufferedBytes > mostBufferedBytes) throw new Error(`${bufferedBytes} bytes are buffered`);
}

async function create({ url, adminSecret }: SoakServer, words: number): Promise<string> {
  const document = `mutation ($input: CreateCompletionInput!) { createCompletion(input: $input) {
    ... on CreateCompletionPayload { completion { id } } ... on UserError { message } } }`;
  const input = { model: 'scripted', prompt: `words ${words}`, maxTokens: 900_000, mode: 'BACKGROUND' };
  type Answer = { createCompletion: { completion: { id: string } } };
  return (await request<Answer>(url, adminSecret, document, { input })).createCompletion.completion.id;
}

function read({ url, adminSecret: secret }: SoakServer, id: string): Promise<ReadThrough> {
  const signal = AbortSignal.timeout(600_000);
  return readThrough({ url, secret, id, transport: 'WebSocket', silenceMilliseconds: 60_000, signal });
}

/** The median of several completions, read one after the other as they are made; the first ones warm up. */
async function healthyReads(
  server: SoakServer,
): Promise<{ readonly text: string | undefined; readonly seconds: number }> {
  const reads = [];
  for (let i = 0; i < 12; i++) reads.push(await timed(async () => read(server, await create(server, 2_000))));
  return { text: reads[0]!.result.texts[0], seconds: median(reads.slice(3).map(({ seconds }) => seconds)) };
}

/** A few at a time: a server that greets a thousand at once cuts off those that it did not come to in time. */
async function openStalledReaders(
  { url, adminSecret }: SoakServer,
  readers: number,
  idOf: (reader: number) => string,
): Promise<readonly WebSocket[]> {
  const sockets: WebSocket[] = [];
  while (sockets.length < readers) {
    const next = Math.min(connectingAtOnce, readers - sockets.length);
    const opening = Array.from({ length: next }, (_, i) => openStalled(url, adminSecret, idOf(sockets.length + i)));
    sockets.push(...(await Promise.all(opening)));
  }
  return sockets;
}

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
