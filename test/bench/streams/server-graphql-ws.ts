import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { serveMeasured } from './measured-server.ts';
import { type Producer, startProducer } from './producer-link.ts';

/** The same types and selection with graphql-js and graphql-ws alone: no keys, no log, no replay, no merging, nothing stored. */
const schema = buildSchema(`
  type Query { ok: Boolean }
  type Subscription { completionEvents(id: ID): CompletionEvent! }
  interface CompletionEvent { completionId: ID! seq: Int! at: String! }
  type CompletionStarted implements CompletionEvent { completionId: ID! seq: Int! at: String! }
  type CompletionDelta implements CompletionEvent { completionId: ID! seq: Int! at: String! text: String! }
  type CompletionFinished implements CompletionEvent { completionId: ID! seq: Int! at: String! }
`);

interface Event {
  readonly completionEvents: { readonly __typename: string; readonly seq: number; readonly text?: string };
}

const producer = await startProducer();
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
await once(server, 'listening');
useServer({ schema, roots: { subscription: { completionEvents: () => eventsOf(producer) } } }, server);

serveMeasured(producer, {
  url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  async [Symbol.asyncDispose]() {
    server.close();
  },
});

async function* eventsOf(source: Producer): AsyncGenerator<Event> {
  const arrived: Event[] = [];
  let seq = 1;
  let wake = () => {};
  let ended = false;
  const push = (event: Omit<Event['completionEvents'], 'seq'>) => {
    arrived.push({ completionEvents: { ...event, seq: seq++ } });
    wake();
  };
  push({ __typename: 'CompletionStarted' });
  const close = source.open(({ text, finishReason }) => {
    ended = finishReason !== undefined;
    push(ended ? { __typename: 'CompletionFinished' } : { __typename: 'CompletionDelta', text });
  });
  try {
    for (;;) {
      for (let event = arrived.shift(); event; event = arrived.shift()) yield event;
      if (ended) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    close();
  }
}
