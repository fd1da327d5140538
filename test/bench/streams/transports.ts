import { request } from 'node:http';
import { WebSocket } from 'ws';
import type { Target } from './messages.ts';

/** What a transport tells of what arrives. */
export interface Arrivals {
  started(): void;
  /** A message with so many characters of text. */
  text(characters: number): void;
  ended(): void;
  failed(error: Error): void;
}

export interface Wanted {
  readonly id: string;
  readonly tokens: number;
}

export type OpenStream = (target: Target, wanted: Wanted, arrivals: Arrivals) => void;

const query = `subscription ($id: ID) {
  completionEvents(id: $id) { __typename seq ... on CompletionDelta { text } }
}`;

/** Every way to read a stream, by name. They look at messages no closer than they must: their cost is not what is measured. */
export const transports: Record<string, OpenStream> = {
  'graphql-ws'({ url, authorization }, { id }, arrivals) {
    const socket = new WebSocket(`${url.replace(/^http/u, 'ws')}/graphql`, 'graphql-transport-ws', {
      perMessageDeflate: false,
    });
    const send = (message: object) => socket.send(JSON.stringify(message));
    socket.on('open', () => send({ type: 'connection_init', payload: { authorization } }));
    socket.on('error', arrivals.failed);
    socket.on('message', (data) => {
      const message = String(data);
      if (message.includes('"connection_ack"')) {
        send({ type: 'subscribe', id: '1', payload: { query, variables: { id } } });
      } else if (message.includes('"complete"')) {
        arrivals.ended();
        socket.close();
      } else read(message, arrivals);
    });
  },

  'graphql-sse': (target, { id }, arrivals) => readEvents(target, '/graphql', { query, variables: { id } }, arrivals),

  openai: (target, { tokens }, arrivals) =>
    readEvents(
      target,
      '/v1/chat/completions',
      { model: 'synthetic', messages: [{ role: 'user', content: 'Say a lot' }], max_tokens: tokens + 1, stream: true },
      arrivals,
    ),
};

function readEvents({ url, authorization }: Target, path: string, body: object, arrivals: Arrivals): void {
  const headers = { accept: 'text/event-stream', 'content-type': 'application/json', authorization };
  const sent = request(`${url}${path}`, { method: 'POST', headers, agent: false }, (response) => {
    let rest = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const messages = (rest + chunk).split('\n\n');
      rest = messages.pop()!;
      for (const message of messages) read(message, arrivals);
    });
    response.on('end', arrivals.ended);
  });
  sent.on('error', arrivals.failed);
  sent.end(JSON.stringify(body));
}

function read(message: string, arrivals: Arrivals): void {
  if (message.includes('"errors"') || message.includes('"error"')) arrivals.failed(new Error(message));
  else if (message.includes('CompletionStarted') || message.includes('"role"')) arrivals.started();
  const text = /"(?:text|content)":"([^"]*)"/u.exec(message)?.[1];
  if (text) arrivals.text(text.length);
}
