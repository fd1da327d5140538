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

export type OpenStream = (target: Target, completionId: string, arrivals: Arrivals) => void;

const query = `subscription ($id: ID) {
  completionEvents(id: $id) { __typename seq ... on CompletionDelta { text } }
}`;

/** Every way to read a stream, by name. They look at messages no closer than they must: their cost is not what is measured. */
export const transports: Record<string, OpenStream> = {
  'graphql-ws'({ url, authorization }, id, arrivals) {
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

  'graphql-sse'({ url, authorization }, id, arrivals) {
    const headers = { accept: 'text/event-stream', 'content-type': 'application/json', authorization };
    const sent = request(`${url}/graphql`, { method: 'POST', headers, agent: false }, (response) => {
      let rest = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        const messages = (rest + chunk).split('\n\n');
        rest = messages.pop()!;
        for (const message of messages) read(message, arrivals);
      });
      response.on('end', arrivals.ended);
    });
    sent.on('error', arrivals.failed);
    sent.end(JSON.stringify({ query, variables: { id } }));
  },
};

function read(message: string, arrivals: Arrivals): void {
  if (message.includes('"errors"')) arrivals.failed(new Error(message));
  else if (message.includes('CompletionStarted')) arrivals.started();
  const text = message.indexOf('"text":"');
  const characters = text < 0 ? 0 : message.indexOf('"', text + 8) - text - 8;
  if (characters > 0) arrivals.text(characters);
}
