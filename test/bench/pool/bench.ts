import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createDisposer } from '../../../src/lib/disposer.ts';
import type { Client } from '../../kit/client.ts';
import { pool } from '../../kit/pool.ts';
import { type Child, startChild } from '../child.ts';
import { median, printTable } from '../table.ts';
import type { ClientRequest, EngineRequest, Measured } from './messages.ts';
import { type Prompt, writePrompts } from './prompts.ts';
import { randomModel } from './random-model.ts';
import { type SluiceServer, startLlamaServer, startSluiceServer } from './servers.ts';
import { type Shape, shapes } from './shapes.ts';

const ceiling = 'engine, nobody samples';
const loop = 'engine, own loop';
const sluice = 'Sluice, WebSocket';
const llamaServer = 'llama-server, SSE';

type Subject = (prompts: readonly Prompt[], tokens: number) => Promise<Measured>;

const sequences = 32;
const contextSize = 1_024;
const shortPrompt = 64;
const longPrompt = 512;
/** Streams that begin together with the same prompt, which has so many tokens. */
const shared = { streams: 4, promptTokens: 256 };
/** Short requests to each server before anything is measured, and then long ones on all sequences. */
const warmUps = 150;
/** What `tokensPerStep` is about. */
const reportedSeconds = 10;
const cacheFolder = 'node_modules/.cache/sluice-bench';

/**
 * The whole service beside its own engine and, where LLAMA_SERVER names a binary, llama.cpp's server; greedy, with prompts that nobody has
 * seen. One of all runs at a time; engine, server and client are processes of their own. `--defaults` shows what the service makes of the
 * threads that it chooses by itself, beside llama-server with each number of them that the machine has.
 */
export async function benchPool(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      shapes: { type: 'string', default: shapes.map(({ name }) => name).join() },
      streams: { type: 'string', default: '1,2,4,8,16,32' },
      /** ggml's, the same for all. The prebuilt engines spin: leave a core to everything else. */
      threads: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '3' },
      defaults: { type: 'boolean', default: false },
    },
  });
  const binary = process.env.LLAMA_SERVER;
  if (!binary) console.log('LLAMA_SERVER is not set: without llama-server');
  const options = { rounds: Number(values.rounds), streams: values.streams.split(',').map(Number), binary };
  for (const shape of shapes.filter(({ name }) => values.shapes.split(',').includes(name))) {
    if (values.defaults) await measureDefaults(shape, options);
    else await measureThreads(shape, { ...options, threads: Number(values.threads) });
  }
}

interface Options {
  readonly rounds: number;
  readonly streams: readonly number[];
  readonly binary: string | undefined;
}

/** As the service chooses flash attention where it is left to it: small heads are faster without, in llama-server as well. */
async function settingsOf(shape: Shape) {
  const flashAttention = shape.width / shape.heads < 64 ? 'off' : 'on';
  return { modelPath: await randomModel(shape, cacheFolder), contextSize, sequences, flashAttention } as const;
}

const idsOf = (prompts: readonly Prompt[]) => prompts.map(({ tokens }) => tokens);

function sluiceSubject(client: Child<ClientRequest>, { url, adminSecret: secret }: SluiceServer): Subject {
  return (prompts, tokens) =>
    client.request({ type: 'sluice', url, secret, load: { prompts: prompts.map(({ text }) => text), tokens } });
}

function llamaServerSubject(client: Child<ClientRequest>, { url }: { readonly url: string }): Subject {
  return (prompts, tokens) => client.request({ type: 'llama-server', url, load: { prompts: idsOf(prompts), tokens } });
}

async function measureThreads(shape: Shape, options: Options & { readonly threads: number }): Promise<void> {
  const { threads, streams, binary } = options;
  const settings = { ...(await settingsOf(shape)), threads };
  await using opened = createDisposer();
  const engine: Child<EngineRequest> = opened.use(
    startChild(new URL('engine.ts', import.meta.url), { environment: { UV_THREADPOOL_SIZE: '1' } }),
  );
  await engine.request({ type: 'open', ...settings });
  const client: Child<ClientRequest> = opened.use(startChild(new URL('client.ts', import.meta.url)));
  const server = opened.use(await startSluiceServer(settings));
  const reference = binary && opened.use(await startLlamaServer(binary, settings));
  const subjects: Record<string, Subject> = {
    [ceiling]: (prompts, tokens) => engine.request({ type: 'ceiling', load: { prompts: idsOf(prompts), tokens } }),
    [loop]: (prompts, tokens) => engine.request({ type: 'loop', load: { prompts: idsOf(prompts), tokens } }),
    [sluice]: sluiceSubject(client, server),
    ...(reference && { [llamaServer]: llamaServerSubject(client, reference) }),
  };
  const { inTurns, warmUp } = measurementOf(subjects, server.admin, options.rounds);
  await warmUp(shape, [sluice, llamaServer]);

  /** As the service reports it, of a run that has the time it looks back to for itself. */
  async function meanBatch(count: number, tokens: number): Promise<number> {
    await delay(reportedSeconds * 1_000);
    await subjects[sluice]!(await writePrompts(server.admin, count, shortPrompt), tokens);
    const { models } = await pool(server.admin);
    return models[0]!.replicas[0]!.tokensPerStep ?? 0;
  }

  const title = `${shape.name}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  for (const count of streams) {
    report(
      titleOf(title, count, shape),
      await inTurns(shape.tokens, () => writePrompts(server.admin, count, shortPrompt)),
      llamaServer,
    );
    console.log(`Sluice's mean batch: ${(await meanBatch(count, shape.tokens)).toFixed(2)}`);
  }
  reportPrefill(
    `${title}, a prompt of ${longPrompt} tokens`,
    await inTurns(2, () => writePrompts(server.admin, 1, longPrompt)),
  );
  reportPrefill(
    `${title}, ${shared.streams} streams at once of one prompt of ${shared.promptTokens} tokens`,
    await inTurns(2, async () => {
      const [prompt] = await writePrompts(server.admin, 1, shared.promptTokens);
      return Array<Prompt>(shared.streams).fill(prompt!);
    }),
  );
}

async function measureDefaults(shape: Shape, { rounds, streams, binary }: Options): Promise<void> {
  const settings = await settingsOf(shape);
  await using opened = createDisposer();
  const client: Child<ClientRequest> = opened.use(startChild(new URL('client.ts', import.meta.url)));
  const server = opened.use(await startSluiceServer({ ...settings, threads: 'auto' }));
  const subjects: Record<string, Subject> = { [sluice]: sluiceSubject(client, server) };
  for (let threads = 1; binary && threads <= availableParallelism(); threads++) {
    const reference = opened.use(await startLlamaServer(binary, { ...settings, threads }));
    subjects[`${llamaServer}, threads: ${threads}`] = llamaServerSubject(client, reference);
  }
  const { inTurns, warmUp } = measurementOf(subjects, server.admin, rounds);
  await warmUp(shape, Object.keys(subjects));
  const { models } = await pool(server.admin);
  const { threads } = models[0]!.replicas[0]!.engine!;
  for (const count of streams) {
    const measured = await inTurns(shape.tokens, () => writePrompts(server.admin, count, shortPrompt));
    const middle = middleOf(measured);
    const [best] = Object.keys(subjects)
      .filter((name) => name !== sluice)
      .sort((a, b) => middle(b, 'tokensPerSecond') - middle(a, 'tokensPerSecond'));
    report(titleOf(`${shape.name}, Sluice with the ${threads} that it chose`, count, shape), measured, best);
  }
}

function titleOf(title: string, count: number, { tokens }: Shape): string {
  return `${title}, ${count} ${count === 1 ? 'stream' : 'streams'} of ${tokens} tokens`;
}

function measurementOf(subjects: Readonly<Record<string, Subject>>, admin: Client, rounds: number) {
  /** In turns, so that whatever else the machine does falls on all of them; the first time only warms up. */
  async function inTurns(tokens: number, write: () => Promise<readonly Prompt[]>): Promise<Map<string, Measured[]>> {
    const measured = new Map<string, Measured[]>(Object.keys(subjects).map((name) => [name, []]));
    for (let round = 0; round <= rounds; round++) {
      for (const [name, measure] of Object.entries(subjects)) {
        const measurement = await measure(await write(), tokens);
        if (round > 0) measured.get(name)!.push(measurement);
      }
    }
    return measured;
  }

  /** A server that has been at work for a while is what people meet; until then, V8 is still compiling. */
  async function warmUp({ tokens }: Shape, names: readonly string[]): Promise<void> {
    for (const name of names) {
      for (let i = 0; i < warmUps; i++) await subjects[name]?.(await writePrompts(admin, 1, 8), 2);
      await subjects[name]?.(await writePrompts(admin, sequences, 8), tokens);
    }
  }

  return { inTurns, warmUp };
}

/** `reference` is the llama-server to compare with, where there is one. */
function report(
  title: string,
  measured: ReadonlyMap<string, readonly Measured[]>,
  reference: string = llamaServer,
): void {
  const middle = middleOf(measured);
  const times = (name: string, other: string, of: keyof Measured) =>
    measured.has(other) ? (middle(name, of) / middle(other, of)).toFixed(2) : '';
  printTable(
    title,
    [
      '',
      'tokens/s',
      '× nobody samples',
      '× own loop',
      '× llama-server',
      'first token p50 ms',
      '× llama-server',
      'between p99 ms',
      '× llama-server',
    ],
    [...measured.keys()].map((name) => {
      const latency = (of: keyof Measured) => [middle(name, of).toFixed(1), times(name, reference, of)];
      return [
        name,
        middle(name, 'tokensPerSecond').toFixed(0),
        times(name, ceiling, 'tokensPerSecond'),
        times(name, loop, 'tokensPerSecond'),
        times(name, reference, 'tokensPerSecond'),
        ...latency('firstTokenP50'),
        ...latency('betweenP99'),
      ];
    }),
  );
}

function reportPrefill(title: string, measured: ReadonlyMap<string, readonly Measured[]>): void {
  const middle = middleOf(measured);
  const names = [...measured.keys()].filter((name) => name !== ceiling);
  printTable(
    title,
    ['', 'first token ms', '× own loop', '× llama-server'],
    names.map((name) => [
      name,
      middle(name, 'firstTokenP50').toFixed(1),
      (middle(name, 'firstTokenP50') / middle(loop, 'firstTokenP50')).toFixed(2),
      measured.has(llamaServer)
        ? (middle(name, 'firstTokenP50') / middle(llamaServer, 'firstTokenP50')).toFixed(2)
        : '',
    ]),
  );
}

function middleOf(measured: ReadonlyMap<string, readonly Measured[]>) {
  return (name: string, of: keyof Measured) => median(measured.get(name)!.map((measurement) => measurement[of]));
}
