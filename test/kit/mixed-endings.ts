import type { Client } from './client.ts';
import { type Created, cancel, createDocument, type EventView, events } from './completions.ts';
import { between, oneOf } from './random.ts';

export interface EndingOptions {
  readonly client: Client;
  /** What every completion is asked with. */
  readonly input: object;
  readonly maxTokens: number;
  readonly random: () => number;
  /** Fails everything that runs. */
  readonly crashEngine: () => void;
}

type Ending = (options: EndingOptions) => Promise<unknown>;

/** Thrown where a request was refused: with which code. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';

  constructor(readonly code: string) {
    super(`the request was refused: ${code}`);
  }
}

async function ask({ client, input, maxTokens }: EndingOptions, changes: object): Promise<string> {
  const variables = { input: { ...input, maxTokens, ...changes } };
  const { data, errors } = await client.request<{ createCompletion: Created }>(createDocument, variables);
  const completion = data?.createCompletion.completion;
  if (!completion) throw new RefusedError(String(errors?.[0]?.extensions?.code ?? data?.createCompletion.code));
  return completion.id;
}

/** Reads events until so many tokens were seen, does something then, and reads on where that does not end it. */
async function atToken(
  { client, maxTokens, random }: EndingOptions,
  id: string,
  act: () => Promise<unknown> | 'leave',
): Promise<void> {
  const token = Math.floor(between(random, 0, maxTokens));
  let acted = false;
  for await (const event of events(client, { id })) {
    if (acted || !isRunning(event) || event.seq < token) continue;
    acted = true;
    if ((await act()) === 'leave') return;
  }
}

const isRunning = ({ __typename }: EventView) => __typename === 'CompletionStarted' || __typename === 'CompletionDelta';

/** How completions end, by what their callers and the machine do. */
export const endings: Readonly<Record<string, Ending>> = {
  'waited for': (options) => ask(options, { mode: 'WAIT' }),
  'of several choices': (options) => ask(options, { mode: 'WAIT', n: 3 }),
  'stopped by its text': (options) => ask(options, { mode: 'WAIT', stop: [' a', ' w7'] }),
  'in the background': (options) => ask(options, { mode: 'BACKGROUND' }),
  'never read': (options) => ask(options, { mode: 'STREAM' }),
  'read to its end': async (options) => {
    const id = await ask(options, { mode: 'STREAM' });
    for await (const _ of events(options.client, { id }));
  },
  'left while it streams': async (options) => {
    const id = await ask(options, { mode: 'STREAM' });
    await atToken(options, id, () => 'leave');
  },
  'left while it is waited for': async ({ client, input, maxTokens, random }) => {
    const leaving = AbortSignal.timeout(Math.ceil(between(random, 0, 300)));
    const variables = { input: { ...input, maxTokens } };
    await client.request(createDocument, variables, leaving).catch((error: unknown) => {
      if (!leaving.aborted) throw error;
    });
  },
  'cancelled while it streams': async (options) => {
    const id = await ask(options, { mode: oneOf(options.random, ['STREAM', 'BACKGROUND']) });
    await atToken(options, id, () => cancel(options.client, id));
  },
  'cancelled at once': async (options) => {
    await cancel(options.client, await ask(options, { mode: 'BACKGROUND' }));
  },
  'out of time': (options) => ask(options, { mode: 'WAIT', timeoutSeconds: between(options.random, 0.01, 0.5) }),
  'on an engine that dies': async (options) => {
    const id = await ask(options, { mode: 'BACKGROUND' });
    await atToken(options, id, async () => {
      // It takes all that runs with it: not every time.
      if (options.random() < 0.5) options.crashEngine();
    });
  },
};
