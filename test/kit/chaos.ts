import { type ReadThrough, readThrough } from './persistent-reader.ts';
import { oneOf } from './random.ts';

export interface ChaosOptions {
  /** The server itself, for the undisturbed readers. */
  readonly url: string;
  /** The same behind a faulty network. */
  readonly faultyUrl: string;
  readonly secret: string;
  /** What every completion is asked with: model, maxTokens. */
  readonly input: object;
  readonly silenceMilliseconds: number;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

export interface ChaosOutcome {
  readonly characters: number;
  /** Of the disturbed readers, beyond their first. */
  readonly reconnections: number;
}

const modes = ['STREAM', 'BACKGROUND'];
const document = `mutation ($input: CreateCompletionInput!) { createCompletion(input: $input) {
  ... on CreateCompletionPayload { completion { id } } ... on UserError { code message } } }`;

/** One completion with an undisturbed reader and disturbed ones: throws unless all have exactly the same. */
export async function runChaoticCompletion(options: ChaosOptions): Promise<ChaosOutcome> {
  const { url, faultyUrl, secret, random, silenceMilliseconds, signal } = options;
  const n = oneOf(random, [1, 1, 1, 3]);
  const input = {
    prompt: `Once upon a time, number ${Math.floor(random() * 1e6)}`,
    mode: oneOf(random, modes),
    n,
    ...options.input,
  };
  const { createCompletion } = await request<{
    createCompletion: { completion?: { id: string }; code?: string; message?: string };
  }>(url, secret, document, { input });
  const id = createCompletion.completion?.id;
  if (!id) throw new Error(`${createCompletion.code}: ${createCompletion.message}`);

  const read = (from: string, transport: 'WebSocket' | 'SSE') =>
    readThrough({ url: from, secret, id, transport, silenceMilliseconds, signal });
  const [undisturbed, ...disturbed] = await Promise.all([
    read(url, 'WebSocket'),
    read(faultyUrl, 'WebSocket'),
    read(faultyUrl, 'SSE'),
  ]);
  for (const reader of disturbed) requireSame(undisturbed!, reader);
  const late = await read(url, 'SSE');
  requireSame(undisturbed!, late);
  if (undisturbed!.terminal !== 'CompletionFinished') throw new Error(`it ended with ${undisturbed!.terminal}`);
  return {
    characters: undisturbed!.texts.join('').length,
    reconnections: disturbed.reduce((sum, { connections }) => sum + connections - 1, 0),
  };
}

function requireSame(expected: ReadThrough, actual: ReadThrough): void {
  for (const field of ['texts', 'finishReasons', 'terminal', 'terminalSeq'] as const) {
    const [a, b] = [JSON.stringify(expected[field]), JSON.stringify(actual[field])];
    if (a !== b) throw new Error(`readers differ in ${field}:\n${a}\n${b}`);
  }
}

/** The logit bias under which a text goes on until maxTokens: the starter's control tokens are its last ones. */
export async function endless(url: string, secret: string, model: string): Promise<object> {
  // Opens the model's file, which tells its vocabulary.
  const opening = 'query ($model: String!) { tokenize(input: { model: $model, prompt: "Hello" }) { count } }';
  await request(url, secret, opening, { model });
  const query = 'query ($model: String!) { model(name: $model) { facts { vocabularySize } } }';
  const { model: found } = await request<{ model: { facts: { vocabularySize: number } } }>(url, secret, query, {
    model,
  });
  return Object.fromEntries([1, 2, 3].map((back) => [found.facts.vocabularySize - back, -100]));
}

export async function request<Data>(url: string, secret: string, query: string, variables: object): Promise<Data> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data?: Data; errors?: readonly { message: string }[] };
  if (!data || errors) throw new Error(`the request failed: ${errors?.[0]?.message}`);
  return data;
}
