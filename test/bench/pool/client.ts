import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { answerRequests } from '../child.ts';
import { connect } from './connect.ts';
import type { ClientRequest, Load, Measured, TextLoad } from './messages.ts';
import { createStopwatch } from './stopwatch.ts';

/** The one client program of both servers: a connection for each stream, opened before the clock starts. */
answerRequests<ClientRequest>(
  (asked) =>
    asked.type === 'sluice' ? readSluice(asked.url, asked.secret, asked.load) : readLlamaServer(asked.url, asked.load),
  () => {},
);

const creation = `mutation ($input: CreateCompletionInput!) {
  createCompletion(input: $input) { __typename ... on UserError { message } }
}`;
const subscription = `subscription ($idempotencyKey: String!) {
  completionEvents(idempotencyKey: $idempotencyKey) {
    __typename ... on CompletionDelta { text } ... on CompletionFailed { error { message } }
    ... on CompletionFinished { completion { usage { completionTokens } } }
  }
}`;

async function readSluice(url: string, secret: string, { prompts, tokens }: TextLoad): Promise<Measured> {
  const sockets = await Promise.all(prompts.map(() => connect(url, secret)));
  const stopwatch = createStopwatch(prompts.length);
  await Promise.all(
    sockets.map((socket, stream) => {
      const idempotencyKey = randomUUID();
      const input = {
        model: 'bench',
        mode: 'STREAM',
        prompt: prompts[stream],
        maxTokens: tokens,
        temperature: 0,
        idempotencyKey,
      };
      const send = (id: string, query: string, variables: object) =>
        socket.send(JSON.stringify({ type: 'subscribe', id, payload: { query, variables } }));
      send('create', creation, { input });
      send('read', subscription, { idempotencyKey });
      return new Promise<void>((resolve, reject) => {
        socket.on('message', (data) => {
          const message = String(data);
          if (message.includes('"message":"')) reject(new Error(message));
          if (message.includes('CompletionDelta')) stopwatch.token(stream);
          if (message.includes('CompletionFinished')) {
            if (message.includes(`"completionTokens":${tokens}`)) resolve();
            else reject(new Error(message));
          }
        });
        socket.once('close', () => reject(new Error('the connection closed')));
      });
    }),
  );
  for (const socket of sockets) socket.removeAllListeners('close').terminate();
  return stopwatch.measured(prompts.length * tokens);
}

async function readLlamaServer(url: string, { prompts, tokens }: Load): Promise<Measured> {
  const stopwatch = createStopwatch(prompts.length);
  await Promise.all(
    prompts.map((prompt, stream) => readCompletion(url, prompt, tokens, () => stopwatch.token(stream))),
  );
  return stopwatch.measured(prompts.length * tokens);
}

function readCompletion(url: string, prompt: readonly number[], tokens: number, onToken: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}/completion`,
      { method: 'POST', headers: { 'content-type': 'application/json' } },
      (response) => {
        let rest = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          const messages = (rest + chunk).split('\n\n');
          rest = messages.pop()!;
          for (const message of messages) {
            if (message.includes('"error"')) reject(new Error(message));
            if (!message.includes('"stop":true')) onToken();
            else if (!message.includes(`"tokens_predicted":${tokens}`)) reject(new Error(message));
          }
        });
        response.once('end', resolve);
      },
    );
    sent.once('error', (error: NodeJS.ErrnoException) => {
      // The server may have closed a connection that was idle since the last measurement.
      if (sent.reusedSocket && error.code === 'ECONNRESET') resolve(readCompletion(url, prompt, tokens, onToken));
      else reject(error);
    });
    sent.end(
      JSON.stringify({
        prompt,
        n_predict: tokens,
        temperature: 0,
        stream: true,
        cache_prompt: false,
        ignore_eos: true,
      }),
    );
  });
}
