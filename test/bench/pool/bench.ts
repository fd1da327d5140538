import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createDisposer } from '../../../src/lib/disposer.ts';
import { pool } from '../../kit/pool.ts';
import { type Child, startChild } from '../child.ts';
import { median, printTable } from '../table.ts';
import type { ClientRequest, EngineRequest, Measured } from './messages.ts';
import { type Prompt, writePrompts } from './prompts.ts';
import { randomModel } from './random-model.ts';
import { startLlamaServer, startSluiceServer } from './servers.ts';
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
/** Short requests to each server before anything is measured, and then long ones on all sequences. */
const warmUps = 150;
/** What `tokensPerStep` is about. */
const reportedSeconds = 10;
const cacheFolder = 'node_modules/.cache/sluice-bench';

/**
 * The whole service beside its own engine and, where LLAMA_SERVER names a binary, llama.cpp's server; greedy, with prompts that nobody has
 * seen. One of all runs at a time; engine, server and client are processes of their own.
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
    },
  });
  const binary = process.env.LLAMA_SERVER;
  if (!binary) console.log('LLAMA_SERVER is not set: without llama-server');
  for (const shape of shapes.filter(({ name }) => values.shapes.split(',').includes(name))) {
    await measureShape(shape, {
      threads: Number(values.threads),
      rounds: Number(values.rounds),
      streams: values.streams.split(',').map(Number),
      binary,
    });
  }
}

interface Options {
  readonly threads: number;
  readonly rounds: number;
  readonly streams: readonly number[];
  readonly binary: string | undefined;
}

async function measureShape(shape: Shape, { threads, rounds, streams, binary }: Options): Promise<void> {
  const modelPath = await randomModel(shape, cacheFolder);
  // As the service chooses where it is left to it: small heads are faster without, in llama-server as well.
  const flashAttention = shape.width / shape.heads < 64 ? 'off' : 'on';
  const settings = { modelPath, contextSize, sequences, threads, flashAttention } as const;
  await using opened = createDisposer();
  const engine: Child<EngineRequest> = opened.use(
    startChild(new URL('engine.ts', import.meta.url), { environment: { UV_THREADPOOL_SIZE: '1' } }),
  );
  await engine.request({ type: 'open', ...settings });
  const client: Child<ClientRequest> = opened.use(startChild(new URL('client.ts', import.meta.url)));
  const server = opened.use(await startSluiceServer(settings));
  const reference = binary && opened.use(await startLlamaServer(binary, settings));

  const idsOf = (prompts: readonly Prompt[]) => prompts.map(({ tokens }) => tokens);
  const subjects: Record<string, Subject> = {
    [ceiling]: (prompts, tokens) => engine.request({ type: 'ceiling', load: { prompts: idsOf(prompts), tokens } }),
    [loop]: (prompts, tokens) => engine.request({ type: 'loop', load: { prompts: idsOf(prompts), tokens } }),
    [sluice]: (prompts, tokens) =>
      client.request({
        type: 'sluice',
        url: server.url,
        secret: server.adminSecret,
        load: { prompts: prompts.map(({ text }) => text), tokens },
      }),
    ...(reference && {
      [llamaServer]: (prompts: readonly Prompt[], tokens: number) =>
        client.request<Measured>({
          type: 'llama-server',
          url: reference.url,
          load: { prompts: idsOf(prompts), tokens },
        }),
    }),
  };

  async function inTurns(count: number, promptTokens: number, tokens: number): Promise<Map<string, Measured[]>> {
    const measured = new Map<string, Measured[]>(Object.keys(subjects).map((name) => [name, []]));
    // In turns, so that whatever else the machine does falls on all of them; the first time only warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const [name, measure] of Object.entries(subjects)) {
        const prompts = await writePrompts(server.admin, count, promptTokens);
        const measurement = await measure(prompts, tokens);
        if (round > 0) measured.get(name)!.push(measurement);
      }
    }
    return measured;
  }

  // A server that has been at work for a while is what people meet; until then, V8 is still compiling.
  for (const warmUp of [subjects[sluice], subjects[llamaServer]]) {
    for (let i = 0; i < warmUps; i++) await warmUp?.(await writePrompts(server.admin, 1, 8), 2);
    await warmUp?.(await writePrompts(server.admin, sequences, 8), shape.tokens);
  }
  /** As the service reports it, of a run that has the time it looks back to for itself. */
  async function meanBatch(count: number, tokens: number): Promise<number> {
    await delay(reportedSeconds * 1_000);
    await subjects[sluice]!(await writePrompts(server.admin, count, shortPrompt), tokens);
    const { models } = await pool(server.admin);
    return models[0]!.replicas[0]!.tokensPerStep ?? 0;
  }

  const title = `${shape.name}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  for (const count of streams) {
    const measured = await inTurns(count, shortPrompt, shape.tokens);
    report(`${title}, ${count} ${count === 1 ? 'stream' : 'streams'} of ${shape.tokens} tokens`, measured);
    console.log(`Sluice's mean batch: ${(await meanBatch(count, shape.tokens)).toFixed(2)}`);
  }
  reportPrefill(`${title}, a prompt of ${longPrompt} tokens`, await inTurns(1, longPrompt, 2));
}

function report(title: string, measured: ReadonlyMap<string, readonly Measured[]>): void {
  const middle = middleOf(measured);
  const times = (name: string, reference: string, of: keyof Measured) =>
    measured.has(reference) ? (middle(name, of) / middle(reference, of)).toFixed(2) : '';
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
      const latency = (of: keyof Measured) => [middle(name, of).toFixed(1), times(name, llamaServer, of)];
      return [
        name,
        middle(name, 'tokensPerSecond').toFixed(0),
        times(name, ceiling, 'tokensPerSecond'),
        times(name, loop, 'tokensPerSecond'),
        times(name, llamaServer, 'tokensPerSecond'),
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
