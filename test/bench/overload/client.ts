import { setTimeout as delay } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { answerRequests } from '../child.ts';
import { connect } from '../pool/connect.ts';
import { randomWords } from '../pool/prompts.ts';
import type { ClientRequest, Requests, Served } from './messages.ts';

/** Whoever asks: all requests over one GraphQL connection, each with its mutation and, once it was admitted, its subscription. */
answerRequests<ClientRequest>(
  (asked) => (asked.type === 'in-turns' ? inTurns(asked) : offered(asked)),
  () => {},
);

const creation = `mutation ($input: CreateCompletionInput!) { createCompletion(input: $input) {
  ... on CreateCompletionPayload { completion { id } } ... on UserError { code message } ... on OverloadedError { retryAfterSeconds }
} }`;
const subscription = `subscription ($id: ID!) { completionEvents(id: $id) {
  ... on CompletionDelta { text } ... on CompletionFailed { error { message } }
  ... on CompletionFinished { completion { usage { completionTokens } } }
} }`;

interface CreationData {
  readonly createCompletion: {
    readonly completion?: { readonly id: string };
    readonly code?: string;
    readonly message?: string;
    readonly retryAfterSeconds?: number;
  };
}

interface EventData {
  readonly completionEvents: {
    readonly text?: string;
    readonly error?: { readonly message: string };
    readonly completion?: { readonly usage: { readonly completionTokens: number } };
  };
}

async function inTurns(asked: Extract<ClientRequest, { type: 'in-turns' }>): Promise<Served> {
  return measure(asked, async (ask) => {
    let left = asked.count;
    await Promise.all(
      Array.from({ length: asked.atOnce }, async () => {
        while (left-- > 0) await ask();
      }),
    );
  });
}

async function offered(asked: Extract<ClientRequest, { type: 'offered' }>): Promise<Served> {
  return measure(asked, async (ask) => {
    const asking: Promise<void>[] = [];
    const began = performance.now();
    for (let at = 0; at < asked.seconds; at += -Math.log(1 - Math.random()) / asked.perSecond) {
      await delay(Math.max(0, began + at * 1_000 - performance.now()));
      asking.push(ask());
    }
    await Promise.all(asking);
  });
}

async function measure(
  { url, secret, promptWords, maxTokens }: Requests,
  run: (ask: () => Promise<void>) => Promise<void>,
): Promise<Served> {
  const connection = createConnection(await connect(url, secret));
  const firstToken: number[] = [];
  const refusal: number[] = [];
  const wrong: string[] = [];
  let completionTokens = 0;

  async function ask(): Promise<void> {
    const input = { model: 'bench', mode: 'STREAM', prompt: randomWords(promptWords).join(' '), maxTokens };
    const began = performance.now();
    let answer: CreationData['createCompletion'] = { message: 'no answer' };
    await connection.ask<CreationData>(creation, { input }, (data) => {
      answer = data.createCompletion;
    });
    if (answer.completion === undefined) {
      if (answer.code === 'OVERLOADED' && (answer.retryAfterSeconds ?? 0) >= 1) refusal.push(performance.now() - began);
      else wrong.push(String(answer.message));
      return;
    }
    let first: number | undefined;
    let tokens: number | undefined;
    let failure = 'no end';
    await connection.ask<EventData>(subscription, answer.completion, ({ completionEvents: event }) => {
      if (event.text !== undefined) first ??= performance.now() - began;
      if (event.error) failure = event.error.message;
      tokens = event.completion?.usage.completionTokens ?? tokens;
    });
    if (tokens === undefined || first === undefined) wrong.push(failure);
    else {
      completionTokens += tokens;
      firstToken.push(first);
    }
  }

  const began = performance.now();
  await run(ask);
  connection.close();
  return { seconds: (performance.now() - began) / 1_000, completionTokens, firstToken, refusal, wrong };
}

interface Connection {
  /** Resolves when the operation is complete. */
  ask<Data>(query: string, variables: object, onData: (data: Data) => void): Promise<void>;
  close(): void;
}

function createConnection(socket: WebSocket): Connection {
  const operations = new Map<string, { next(data: unknown): void; complete(): void }>();
  let lastId = 0;
  socket.on('message', (message) => {
    const { id, type, payload } = JSON.parse(String(message)) as {
      id?: string;
      type: string;
      payload?: { data?: unknown };
    };
    if (type === 'ping') socket.send('{"type":"pong"}');
    const operation = operations.get(id ?? '');
    if (type === 'next' && payload?.data) operation?.next(payload.data);
    if (type === 'complete' || type === 'error') operation?.complete();
  });
  return {
    ask: <Data>(query: string, variables: object, onData: (data: Data) => void) =>
      new Promise((resolve) => {
        const id = String(++lastId);
        operations.set(id, {
          next: (data) => onData(data as Data),
          complete() {
            operations.delete(id);
            resolve();
          },
        });
        socket.send(JSON.stringify({ type: 'subscribe', id, payload: { query, variables } }));
      }),
    close: () => socket.terminate(),
  };
}
