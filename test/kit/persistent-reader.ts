import { request as httpRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';

/** What a client that never gives up has of a completion in the end. */
export interface ReadThrough {
  /** By choice. */
  readonly texts: readonly string[];
  readonly finishReasons: readonly string[];
  readonly terminal: string;
  readonly terminalSeq: number;
  readonly connections: number;
}

export interface PersistentReaderOptions {
  readonly url: string;
  readonly secret: string;
  readonly id: string;
  readonly transport: 'WebSocket' | 'SSE';
  /** A connection that is silent for so long is given up, as a client would. */
  readonly silenceMilliseconds: number;
  readonly signal: AbortSignal;
}

interface Event {
  readonly __typename: string;
  readonly seq: number;
  readonly choices?: readonly { readonly index: number; readonly text: string; readonly finishReason: string | null }[];
}

interface Result {
  readonly data?: { readonly completionEvents: Event } | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];
}

const query = `subscription ($id: ID!, $after: Int) {
  completionEvents(id: $id, after: $after) { __typename seq ... on CompletionDelta { choices { index text finishReason } } }
}`;

/** Reads a completion to its end over whatever the network makes of it, resuming behind the last event each time. */
export async function readThrough(options: PersistentReaderOptions): Promise<ReadThrough> {
  const { signal, silenceMilliseconds } = options;
  const texts: string[] = [];
  const finishReasons: string[] = [];
  let last: Event | undefined;
  let connections = 0;
  let failure: Error | undefined;

  function take({ data, errors }: Result): 'more' | 'over' | 'retry' {
    if (errors) {
      if (errors[0]?.extensions?.code === 'OVERLOADED') return 'retry';
      throw new Error(`${errors[0]?.extensions?.code}: ${errors[0]?.message}`);
    }
    const event = data!.completionEvents;
    if (event.seq <= (last?.seq ?? 0)) throw new Error(`seq ${event.seq} came after ${last?.seq}`);
    last = event;
    for (const { index, text, finishReason } of event.choices ?? []) {
      if (finishReasons[index]) throw new Error(`choice ${index} went on after its end`);
      texts[index] = (texts[index] ?? '') + text;
      if (finishReason) finishReasons[index] = finishReason;
    }
    return isTerminal(event) ? 'over' : 'more';
  }

  /** One connection; resolves when it ended, however it did. */
  function connectOnce(): Promise<void> {
    const connect = options.transport === 'SSE' ? overEventStream : overWebSocket;
    return new Promise((resolve) => {
      const silence = setTimeout(end, silenceMilliseconds);
      let ended = false;
      const destroy = connect(options, last?.seq ?? 0, {
        onSign: () => void silence.refresh(),
        onResult(result) {
          if (ended) return;
          try {
            if (take(result) !== 'more') end();
          } catch (error) {
            failure = error as Error;
            end();
          }
        },
        onEnd: () => end(),
      });
      signal.addEventListener('abort', end, { once: true });
      function end(): void {
        if (ended) return;
        ended = true;
        clearTimeout(silence);
        signal.removeEventListener('abort', end);
        destroy();
        resolve();
      }
    });
  }

  while (!last || !isTerminal(last)) {
    signal.throwIfAborted();
    connections++;
    await connectOnce();
    if (failure) throw failure;
    if (!last || !isTerminal(last)) await delay(20);
  }
  return { texts, finishReasons, terminal: last.__typename, terminalSeq: last.seq, connections };
}

function isTerminal({ __typename }: Event): boolean {
  return ['CompletionFinished', 'CompletionFailed', 'CompletionCancelled'].includes(__typename);
}

interface Observer {
  /** Anything that came, heartbeats included. */
  onSign(): void;
  onResult(result: Result): void;
  onEnd(): void;
}

function overWebSocket({ url, secret, id }: PersistentReaderOptions, after: number, observer: Observer): () => void {
  const socket = new WebSocket(`${url.replace(/^http/u, 'ws')}/graphql`, 'graphql-transport-ws');
  const send = (message: object) => socket.send(JSON.stringify(message));
  socket.on('error', () => observer.onEnd());
  socket.on('close', () => observer.onEnd());
  socket.on('ping', () => observer.onSign());
  socket.on('open', () => send({ type: 'connection_init', payload: { authorization: `Bearer ${secret}` } }));
  socket.on('message', (data) => {
    observer.onSign();
    const message = JSON.parse(String(data));
    if (message.type === 'connection_ack') {
      send({ id: '1', type: 'subscribe', payload: { query, variables: { id, after } } });
    } else if (message.type === 'next') observer.onResult(message.payload);
    else if (message.type === 'error') observer.onResult({ errors: message.payload });
  });
  return () => socket.terminate();
}

function overEventStream({ url, secret, id }: PersistentReaderOptions, after: number, observer: Observer): () => void {
  const request = httpRequest(`${url}/graphql`, {
    method: 'POST',
    agent: false,
    headers: {
      accept: 'text/event-stream',
      'content-type': 'application/json',
      authorization: `Bearer ${secret}`,
      ...(after > 0 ? { 'last-event-id': String(after) } : {}),
    },
  });
  request.on('error', () => observer.onEnd());
  request.on('close', () => observer.onEnd());
  request.on('response', (response) => {
    let rest = '';
    response.on('error', () => observer.onEnd());
    response.setEncoding('utf8').on('data', (chunk: string) => {
      observer.onSign();
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop()!;
      for (const block of blocks) {
        const data = /^data: (.+)$/mu.exec(block)?.[1];
        if (data) observer.onResult(JSON.parse(data));
      }
    });
  });
  request.end(JSON.stringify({ query, variables: { id } }));
  return () => request.destroy();
}
