import { setMaxListeners } from 'node:events';
import { endless, request, runChaoticCompletion } from '../kit/chaos.ts';
import { startFaultyNetwork } from '../kit/faulty-network.ts';
import { createRandom } from '../kit/random.ts';
import { requireFlat, show, startSoakServer } from './soak-process.ts';
import { timed } from './timed.ts';

export interface SoakOptions {
  readonly engine: 'llama' | 'scripted';
  readonly streams: number;
  /** Each soak has its own default. */
  readonly minutes: number | undefined;
  readonly completions: number;
  readonly readers: number;
  readonly runs: number;
  readonly kills: number;
  readonly outageSeconds: number;
  readonly store: 'pglite' | 'postgres';
  readonly clients: number;
  readonly seed: number;
}

export type Report = Readonly<Record<string, unknown>>;

/** Streams over a faulty network for minutes; then the server must be as it was before. */
export async function soakStreams({ engine, streams, minutes = 3, seed }: SoakOptions): Promise<Report> {
  const random = createRandom(seed);
  await using server = await startSoakServer(engine, {
    streams: { pingSeconds: 1, stallSeconds: 2, graceSeconds: 5, firstReaderSeconds: 120 },
    limits: { queueRequests: 10_000, queuePromptTokens: 10_000_000, queueSeconds: 100_000 },
    retention: { logSeconds: 1 },
  });
  const { url, adminSecret: secret } = server;
  await using network = await startFaultyNetwork({ target: new URL(url), random, faultMilliseconds: 2_000 });
  const input =
    engine === 'llama'
      ? { model: 'starter', maxTokens: 60, logitBias: await endless(url, secret, 'starter') }
      : { model: 'scripted', maxTokens: 1_000, prompt: 'words 500' };
  const chaos = { url, faultyUrl: network.address, secret, input, silenceMilliseconds: 5_000, random };

  const signal = AbortSignal.timeout((minutes + 5) * 60_000);
  setMaxListeners(0, signal);
  let completions = 0;
  let reconnections = 0;
  let characters = 0;
  async function runUntil(stopAt: number): Promise<void> {
    do {
      const outcome = await runChaoticCompletion({ ...chaos, signal });
      completions++;
      reconnections += outcome.reconnections;
      characters += outcome.characters;
    } while (Date.now() < stopAt);
  }

  // One round first: what is made once and kept is no leak.
  await Promise.all(Array.from({ length: streams }, () => runUntil(0)));
  const before = await server.settled();
  await Promise.all(Array.from({ length: streams }, () => runUntil(Date.now() + minutes * 60_000)));
  const after = await server.settled();
  requireFlat(before, after);
  return { completions, reconnections, characters, faults: network.happened, ...show(before, after) };
}

/** Many completions, one after the other: the server keeps nothing of those that ended. */
export async function soakFlat({ engine, completions }: SoakOptions): Promise<Report> {
  await using server = await startSoakServer(engine, { retention: { logSeconds: 0.5 } });
  const { url, adminSecret: secret } = server;
  const model = engine === 'llama' ? 'starter' : 'scripted';
  const document = `mutation { createCompletion(input: { model: "${model}", prompt: "one two three four", maxTokens: 4 }) {
    ... on CreateCompletionPayload { completion { status choices { text } } } ... on UserError { message } } }`;
  async function run(count: number): Promise<void> {
    let left = count;
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (left-- > 0) {
          const answer = await request<{ createCompletion: { completion?: { status: string } } }>(
            url,
            secret,
            document,
            {},
          );
          if (answer.createCompletion.completion?.status !== 'SUCCEEDED') throw new Error(JSON.stringify(answer));
        }
      }),
    );
  }
  await run(Math.ceil(completions / 10));
  const before = await server.settled();
  const { seconds } = await timed(() => run(completions));
  const after = await server.settled();
  requireFlat(before, after);
  return { completions, perSecond: Math.round(completions / seconds), ...show(before, after) };
}
