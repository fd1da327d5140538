import { parseArgs } from 'node:util';
import { startChild } from '../child.ts';
import { randomModel } from '../pool/random-model.ts';
import { startSluiceServer } from '../pool/servers.ts';
import { shapes } from '../pool/shapes.ts';
import { percentile, printTable } from '../table.ts';
import type { ClientRequest, Served } from './messages.ts';

const cacheFolder = 'node_modules/.cache/sluice-bench';
const contextSize = 512;
const promptWords = 64;

/**
 * What becomes of those who are let in while many more want in. The wait is bounded to what one request takes; the load is first what the
 * engine can serve, then a multiple of it, at random times. Server and client are processes of their own. What the engine can
 * serve is measured anew in each round, as it depends on what else the machine does.
 */
export async function benchOverload(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      shape: { type: 'string', default: '135M' },
      sequences: { type: 'string', default: '4' },
      threads: { type: 'string', default: '1' },
      times: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '20' },
    },
  });
  const shape = shapes.find(({ name }) => name === values.shape);
  if (!shape) throw new Error(`there is no shape ${values.shape}: ${shapes.map(({ name }) => name).join(', ')}`);
  const sequences = Number(values.sequences);
  const seconds = Number(values.seconds);
  const times = Number(values.times);
  const modelPath = await randomModel(shape, cacheFolder);
  const settings = { modelPath, contextSize, sequences, threads: Number(values.threads) };
  await using client = startChild<ClientRequest>(new URL('client.ts', import.meta.url));

  /** A server, and how long a request takes while all its slots are in use. */
  async function start(queueSeconds?: number) {
    const server = await startSluiceServer(settings, queueSeconds);
    const requests = { url: server.url, secret: server.adminSecret, promptWords, maxTokens: shape!.tokens };
    const count = sequences * 5;
    const { seconds } = await client.request<Served>({ ...requests, type: 'in-turns', count, atOnce: sequences });
    return {
      requests,
      serviceSeconds: (seconds * sequences) / count,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  }

  async function serviceSeconds(): Promise<number> {
    await using server = await start();
    return server.serviceSeconds;
  }

  const rounds: { readonly perSecond: number; readonly atCapacity: Served; readonly overloaded: Served }[] = [];
  while (rounds.length < Number(values.rounds)) {
    const queueSeconds = await serviceSeconds();
    await using server = await start(queueSeconds);
    const perSecond = sequences / server.serviceSeconds;
    const offer = (times: number) =>
      client.request<Served>({ ...server.requests, type: 'offered', perSecond: perSecond * times, seconds });
    rounds.push({ perSecond, atCapacity: await offer(1), overloaded: await offer(times) });
    console.log(`capacity ${perSecond.toFixed(2)} requests/s, longest wait ${queueSeconds.toFixed(2)} s`);
  }

  const atCapacity = together(rounds.map(({ atCapacity }) => atCapacity));
  const overloaded = together(rounds.map(({ overloaded }) => overloaded));
  report(
    `${shape.name}, ${sequences} sequences, ${settings.threads} ggml threads, ${rounds.length} rounds of ${seconds} s each`,
    new Map([
      ['at capacity', atCapacity],
      [`${times} times that`, overloaded],
    ]),
  );
  const ratio = percentile(overloaded.firstToken, 0.99) / percentile(atCapacity.firstToken, 0.99);
  console.log(`\nfirst token p99, overloaded over at capacity: ${ratio.toFixed(2)}`);
  for (const problem of new Set([...atCapacity.wrong, ...overloaded.wrong])) console.log(`wrong: ${problem}`);
}

function together(all: readonly Served[]): Served {
  return {
    seconds: all.reduce((sum, { seconds }) => sum + seconds, 0),
    completionTokens: all.reduce((sum, { completionTokens }) => sum + completionTokens, 0),
    firstToken: all.flatMap(({ firstToken }) => firstToken),
    refusal: all.flatMap(({ refusal }) => refusal),
    wrong: all.flatMap(({ wrong }) => wrong),
  };
}

function report(title: string, measured: ReadonlyMap<string, Served>): void {
  const milliseconds = (values: readonly number[], share: number) =>
    values.length > 0 ? percentile(values, share).toFixed(0) : '';
  printTable(
    title,
    [
      'offered',
      'served',
      'refused',
      'wrong',
      'tokens/s',
      'first token p50 ms',
      'p99 ms',
      'refusal p50 ms',
      'p99 ms',
      'longest ms',
    ],
    [...measured].map(([name, { firstToken, refusal, wrong, completionTokens, seconds }]) => [
      name,
      String(firstToken.length),
      String(refusal.length),
      String(wrong.length),
      (completionTokens / seconds).toFixed(0),
      milliseconds(firstToken, 0.5),
      milliseconds(firstToken, 0.99),
      milliseconds(refusal, 0.5),
      milliseconds(refusal, 0.99),
      milliseconds(refusal, 1),
    ]),
  );
}
