import { connect } from 'node:net';
import { answerRequests } from '../child.ts';
import { type Delivered, type ReadersRequest, type Target, tokenText } from './messages.ts';
import { transports } from './transports.ts';

/** The readers of a measurement, all in one process of their own. */
interface Readers {
  readonly delivered: Promise<Delivered>;
  readonly ended: Promise<unknown>;
}

const creatingAtOnce = 8;
let readers: Readers | undefined;

answerRequests<ReadersRequest>(
  async (request) => {
    if (request.type === 'open') readers = await openReaders(request);
    else return readers?.[request.type === 'delivered' ? 'delivered' : 'ended'];
  },
  () => {},
);

async function openReaders(request: Extract<ReadersRequest, { type: 'open' }>): Promise<Readers> {
  const { target, transport, readers: count, load } = request;
  const open = transports[transport]!;
  const tokens = load.steps * load.tokensPerStep;
  const stepCharacters = count * load.tokensPerStep * tokenText.length;
  let missing = count * tokens * tokenText.length;
  let messages = 0;
  let firstAt = 0;
  const ids = await createCompletions(target, transport, count, tokens);
  const producer = connect({ port: target.stepPort, host: '127.0.0.1', noDelay: true });

  return new Promise((opened, failed) => {
    let started = 0;
    const delivered = new Promise<Delivered>((resolve) => {
      const ended = ids.map(
        (id) =>
          new Promise<void>((end) => {
            open(
              target,
              { id, tokens },
              {
                started() {
                  if (++started === count) opened({ delivered, ended: Promise.all(ended) });
                },
                text(characters) {
                  messages++;
                  firstAt ||= performance.now();
                  missing -= characters;
                  if (load.pace === 'delivered' && missing % stepCharacters === 0) producer.write('.');
                  if (missing > 0) return;
                  producer.end();
                  resolve({ seconds: (performance.now() - firstAt) / 1_000, messages });
                },
                ended: end,
                failed,
              },
            );
          }),
      );
    });
  });
}

/** Several at once, and in all as many as there are readers: each reads its own. The references need none, and OpenAI's stream creates its own. */
async function createCompletions(target: Target, transport: string, count: number, tokens: number): Promise<string[]> {
  const ids: string[] = [];
  if (!target.authorization || transport === 'openai') return Array.from({ length: count }, (_, i) => String(i));
  await Promise.all(
    Array.from({ length: Math.min(count, creatingAtOnce) }, async (_, worker) => {
      for (let i = worker; i < count; i += creatingAtOnce) ids.push(await createCompletion(target, tokens));
    }),
  );
  return ids;
}

async function createCompletion({ url, authorization }: Target, tokens: number): Promise<string> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: authorization! },
    body: JSON.stringify({
      query: `mutation ($input: CreateCompletionInput!) { createCompletion(input: $input) {
        ... on CreateCompletionPayload { completion { id } } ... on UserError { message } } }`,
      variables: { input: { model: 'synthetic', mode: 'STREAM', prompt: 'Say a lot', maxTokens: tokens + 1 } },
    }),
  });
  const answer = (await response.json()) as { data?: { createCompletion: { completion?: { id: string } } } };
  const id = answer.data?.createCompletion.completion?.id;
  if (!id) throw new Error(JSON.stringify(answer));
  return id;
}
