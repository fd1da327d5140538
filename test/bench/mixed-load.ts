import OpenAI from 'openai';
import type { Client } from '../kit/client.ts';
import { type Created, cancel, createDocument, type EventView, events } from '../kit/completions.ts';
import { between, oneOf } from '../kit/random.ts';

export interface MixedLoad {
  readonly url: string;
  readonly client: Client;
  readonly random: () => number;
  /** A stream that is read to its end got its first token so long after it was asked for. */
  readonly firstToken: (milliseconds: number) => void;
}

/** One request each; throws where it ends otherwise than it must. */
export const requests: Readonly<Record<string, (load: MixedLoad) => Promise<void>>> = {
  async 'waited for'(load) {
    requireSucceeded((await create(load, { mode: 'WAIT' })).status);
  },
  async 'of several choices'(load) {
    const { status, choices } = await create(load, { mode: 'WAIT', n: 2 + Math.floor(load.random() * 3) });
    requireSucceeded(status);
    if (choices.some(({ finishReason }) => finishReason === null)) throw new Error('a choice has no end');
  },
  async 'streamed over WebSocket'(load) {
    const began = performance.now();
    const { id } = await create(load, { mode: 'STREAM' });
    await readToItsEnd(load, id, () => load.firstToken(performance.now() - began));
  },
  async 'in the background'(load) {
    const { id } = await create(load, { mode: 'BACKGROUND' });
    await readToItsEnd(load, id, () => {});
  },
  async 'cancelled while it streams'(load) {
    const { id } = await create(load, { mode: 'STREAM' });
    await atSomeToken(load, id, () => cancel(load.client, id));
  },
  async 'left while it streams'(load) {
    const { id } = await create(load, { mode: 'STREAM' });
    await atSomeToken(load, id, () => 'leave');
  },
  async 'left while it is waited for'(load) {
    const leaving = AbortSignal.timeout(Math.ceil(between(load.random, 1, 200)));
    await load.client.request(createDocument, { input: inputOf(load, { mode: 'WAIT' }) }, leaving).catch((error) => {
      if (!leaving.aborted) throw error;
    });
  },
  async 'streamed as OpenAI does'(load) {
    const began = performance.now();
    let first = true;
    let ended = false;
    for await (const { choices } of await openaiStream(load)) {
      if (first) load.firstToken(performance.now() - began);
      first = false;
      ended ||= choices.some(({ finish_reason }) => finish_reason !== null);
    }
    if (!ended) throw new Error('a stream ended without a finish reason');
  },
  async 'left as OpenAI’s clients do'(load) {
    let left = Math.floor(between(load.random, 0, 30));
    // Leaving the loop closes the connection. An abort from outside now and then leaves the client itself waiting for ever.
    for await (const _ of await openaiStream(load)) if (left-- === 0) break;
  },
};

const longestAnswer = 120;
const longestPrompt = 330;

/** Most prompts are short, some as long as the context lets them be; some begin alike, so that evaluated prompts are found again. */
function promptOf({ random }: MixedLoad): string {
  const words = oneOf(random, [4, 8, 8, 16, 64, longestPrompt]);
  const beginning = `Once upon a time, number ${Math.floor(random() * 20)},`;
  return `${beginning}${' the'.repeat(Math.floor(words * random()))}`;
}

function inputOf(load: MixedLoad, changes: object): object {
  const maxTokens = Math.ceil(between(load.random, 1, longestAnswer));
  return { model: 'starter', prompt: promptOf(load), maxTokens, ...changes };
}

async function create(load: MixedLoad, changes: object): Promise<NonNullable<Created['completion']>> {
  const { createCompletion } = await load.client.execute<{ createCompletion: Created }>(createDocument, {
    input: inputOf(load, changes),
  });
  if (!createCompletion.completion) throw new Error(`refused: ${createCompletion.code}: ${createCompletion.message}`);
  return createCompletion.completion;
}

async function readToItsEnd({ client }: MixedLoad, id: string, onFirstToken: () => void): Promise<void> {
  let deltas = 0;
  let last: EventView | undefined;
  for await (const event of events(client, { id })) {
    if (event.__typename === 'CompletionDelta' && deltas++ === 0) onFirstToken();
    last = event;
  }
  if (last?.__typename !== 'CompletionFinished') throw new Error(`it ended with ${last?.__typename}`);
}

/** Does something at some token; where the answer ends before, nothing. */
async function atSomeToken(load: MixedLoad, id: string, act: () => Promise<unknown> | 'leave'): Promise<void> {
  let left = Math.floor(between(load.random, 0, 30));
  for await (const event of events(load.client, { id })) {
    if (event.__typename === 'CompletionFailed') throw new Error(event.error?.message);
    if (event.__typename === 'CompletionDelta' && left-- === 0 && (await act()) === 'leave') return;
  }
}

async function openaiStream(load: MixedLoad) {
  const openai = new OpenAI({ baseURL: `${load.url}/v1`, apiKey: load.client.secret, maxRetries: 0 });
  const max_tokens = Math.ceil(between(load.random, 1, longestAnswer));
  const request = { model: 'starter', prompt: promptOf(load), max_tokens, stream: true } as const;
  return openai.completions.create(request);
}

function requireSucceeded(status: string): void {
  if (status !== 'SUCCEEDED') throw new Error(`it ended ${status}`);
}
