import { parseArgs } from 'node:util';
import { createDisposer } from '../../../src/lib/disposer.ts';
import { type Child, startChild } from '../child.ts';
import { median, printTable } from '../table.ts';
import type { Delivered, Load, Measured, ReadersRequest, ServerRequest, Target } from './messages.ts';

interface Subject {
  readonly name: string;
  readonly server: string;
  readonly transport: string;
}

const wsSend: Subject = { name: 'ws.send', server: 'server-ws-send', transport: 'graphql-ws' };
const graphqlWs: Subject = { name: 'graphql-ws alone', server: 'server-graphql-ws', transport: 'graphql-ws' };
const subjects: readonly Subject[] = [
  wsSend,
  graphqlWs,
  { name: 'Sluice, WebSocket', server: 'server-sluice', transport: 'graphql-ws' },
  { name: 'Sluice, SSE', server: 'server-sluice', transport: 'graphql-sse' },
  { name: 'Sluice, OpenAI stream', server: 'server-sluice', transport: 'openai' },
];

interface Scenario {
  readonly title: string;
  load(readers: number, tokens: number): Load;
}

const scenarios: Record<string, Scenario> = {
  single: {
    title: 'one token a message, the next when all have the last',
    load: (readers, tokens) => ({ tokensPerStep: 1, pace: 'delivered', steps: stepsFor(readers, tokens, 512) }),
  },
  eight: {
    title: 'eight tokens of a completion share a message, the next when all have the last',
    load: (readers, tokens) => ({ tokensPerStep: 8, pace: 'delivered', steps: stepsFor(readers, tokens, 512) }),
  },
  flood: {
    title: 'one token a step, as fast as the server takes them',
    load: (readers, tokens) => ({ tokensPerStep: 1, pace: 'taken', steps: stepsFor(readers, tokens * 8, 8_192) }),
  },
};

function stepsFor(readers: number, tokens: number, most: number): number {
  return Math.max(64, Math.min(most, Math.ceil(tokens / readers)));
}

interface Measurement {
  readonly tokensPerSecond: number;
  readonly messagesPerToken: number;
  readonly cpuMicrosecondsPerToken: number;
}

type Server = Child<ServerRequest | { readonly type: 'target' }>;

/** Readers, each with a completion of its own; producer, server and readers are processes of their own. */
export async function benchStreams(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      readers: { type: 'string', default: '1,8,64,512' },
      scenarios: { type: 'string', default: Object.keys(scenarios).join() },
      subjects: { type: 'string', default: '' },
      rounds: { type: 'string', default: '3' },
      /** Messages of a measurement, about; eight times as many where they come as fast as they can. */
      tokens: { type: 'string', default: '4096' },
      /** A folder for a CPU profile of every server. */
      profile: { type: 'string' },
    },
  });
  const profiling = values.profile ? ['--cpu-prof', `--cpu-prof-dir=${values.profile}`] : [];
  const chosen = subjects.filter(({ name }) => name.includes(values.subjects));

  await using opened = createDisposer();
  const readers = opened.use(startChild<ReadersRequest>(new URL('readers.ts', import.meta.url)));
  const servers = new Map<string, { readonly server: Server; readonly target: Target }>();
  for (const name of new Set(chosen.map(({ server }) => server))) {
    const server: Server = opened.use(startChild(new URL(`${name}.ts`, import.meta.url), { execArgv: profiling }));
    servers.set(name, { server, target: await server.request<Target>({ type: 'target' }) });
  }

  for (const scenario of values.scenarios.split(',').map((name) => scenarios[name]!)) {
    for (const count of values.readers.split(',').map(Number)) {
      const load = scenario.load(count, Number(values.tokens));
      const rounds = new Map<Subject, Measurement[]>(chosen.map((subject) => [subject, []]));
      // In turns, so that whatever else the machine does falls on all of them; the first time only warms up.
      for (let round = 0; round <= Number(values.rounds); round++) {
        for (const [subject, measurements] of rounds) {
          const { server, target } = servers.get(subject.server)!;
          const measurement = await measure(readers, server, target, subject.transport, count, load);
          if (round > 0) measurements.push(measurement);
        }
      }
      report(`${count} ${count === 1 ? 'reader' : 'readers'}: ${scenario.title}`, rounds);
    }
  }
}

async function measure(
  readers: Child<ReadersRequest>,
  server: Server,
  target: Target,
  transport: string,
  count: number,
  load: Load,
): Promise<Measurement> {
  const tokens = load.steps * load.tokensPerStep;
  await readers.request({ type: 'open', target, transport, readers: count, load });
  await server.request({ type: 'start', load });
  const { seconds, messages } = await readers.request<Delivered>({ type: 'delivered' });
  const { cpuMicroseconds } = await server.request<Measured>({ type: 'measure' });
  await server.request({ type: 'finish' });
  await readers.request({ type: 'ended' });
  return {
    tokensPerSecond: (tokens * count) / seconds,
    messagesPerToken: messages / (tokens * count),
    cpuMicrosecondsPerToken: cpuMicroseconds / (tokens * count),
  };
}

function report(title: string, rounds: ReadonlyMap<Subject, readonly Measurement[]>): void {
  const middle = (subject: Subject, of: keyof Measurement) => {
    const measurements = rounds.get(subject);
    return measurements ? median(measurements.map((measurement) => measurement[of])) : Number.NaN;
  };
  const ratio = (subject: Subject, reference: Subject, of: keyof Measurement) =>
    (middle(subject, of) / middle(reference, of)).toFixed(2);
  printTable(
    title,
    ['', 'tokens/s', '× ws.send', '× graphql-ws', 'CPU µs/token', '× ws.send', '× graphql-ws', 'messages/token'],
    [...rounds.keys()].map((subject) => [
      subject.name,
      middle(subject, 'tokensPerSecond').toFixed(0),
      ratio(subject, wsSend, 'tokensPerSecond'),
      ratio(subject, graphqlWs, 'tokensPerSecond'),
      middle(subject, 'cpuMicrosecondsPerToken').toFixed(2),
      ratio(subject, wsSend, 'cpuMicrosecondsPerToken'),
      ratio(subject, graphqlWs, 'cpuMicrosecondsPerToken'),
      middle(subject, 'messagesPerToken').toFixed(3),
    ]),
  );
}
