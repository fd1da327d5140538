import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import type { ExecutionResult } from 'graphql';
import type { Client } from './client.ts';
import { type EventsOf, type EventView, eventsDocument } from './completions.ts';

/** One event of a stream as it came over the wire. */
export interface WireEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: string;
}

/** Server-Sent Events read by hand, for what no client library would do. */
export interface RawEventStream extends Disposable {
  readonly response: IncomingMessage;
  readonly request: ClientRequest;
  /** Comments, too: what keeps the connection alive. */
  readonly comments: () => number;
  /** To the end of the response; throws where it was cut off. */
  events(): AsyncIterableIterator<WireEvent>;
}

export interface RawRequest {
  readonly query?: string;
  readonly variables?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: 'GET' | 'POST';
}

export async function openEventStream(client: Client, options: RawRequest): Promise<RawEventStream> {
  const { query = eventsDocument, variables = {}, headers = {}, method = 'POST' } = options;
  const search = new URLSearchParams({ query, variables: JSON.stringify(variables) });
  const request = httpRequest(method === 'GET' ? `${client.endpoint}?${search}` : client.endpoint, {
    method,
    agent: false,
    headers: {
      accept: 'text/event-stream',
      'content-type': 'application/json',
      ...(client.secret ? { authorization: `Bearer ${client.secret}` } : {}),
      ...headers,
    },
  });
  request.end(method === 'POST' ? JSON.stringify({ query, variables }) : undefined);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  request.on('error', () => {}); // Told by the response.
  response.setEncoding('utf8');
  let comments = 0;

  async function* events(): AsyncGenerator<WireEvent, void, undefined> {
    let rest = '';
    for await (const chunk of response as AsyncIterable<string>) {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop()!;
      for (const block of blocks) {
        const lines = block.split('\n');
        const field = (name: string) =>
          lines
            .find((line) => line.startsWith(`${name}:`))
            ?.slice(name.length + 1)
            .trimStart();
        if (field('event') === undefined) comments++;
        else yield { event: field('event')!, id: field('id'), data: field('data') ?? '' };
      }
    }
  }

  return { request, response, comments: () => comments, events, [Symbol.dispose]: () => void request.destroy() };
}

export function resultOf({ data }: WireEvent): ExecutionResult<{ completionEvents: EventView }> {
  return JSON.parse(data);
}

/** A whole stream of a completion's events. */
export async function readEventStream(client: Client, of: EventsOf, headers = {}): Promise<WireEvent[]> {
  using stream = await openEventStream(client, { variables: of, headers });
  const all: WireEvent[] = [];
  for await (const event of stream.events()) all.push(event);
  return all;
}
