import { readdirSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { endless } from '../kit/chaos.ts';
import { type Client, createClient } from '../kit/client.ts';
import { complete } from '../kit/completions.ts';
import { createKey } from '../kit/keys.ts';
import { pooledModel } from '../kit/pool.ts';
import { createRandom, oneOf } from '../kit/random.ts';
import { childrenOf, commandLineOf } from '../kit/server-process.ts';
import { viewerLimits } from '../kit/usage.ts';
import { waitFor } from '../kit/wait-for.ts';
import { requests } from './mixed-load.ts';
import { requireFlat, type SoakServer, show, startSoakServer } from './soak-process.ts';
import type { Report, SoakOptions } from './soak-streams.ts';
import { percentile } from './table.ts';

const slowerAtMost = 1.2;
/** Of the whole run: the first five and the last five minutes of half an hour. */
const windowsOfRun = 6;
const restMilliseconds = 60_000;
const requestMilliseconds = 60_000;

/**
 * The real engine under everything that clients do, for half an hour; then every sequence, handle and reservation must be there again,
 * memory must be what it was, and first tokens must come as fast as in the beginning.
 */
export async function soakPool({ minutes = 30, clients, seed }: SoakOptions): Promise<Report> {
  const random = createRandom(seed);
  await using server = await startSoakServer('llama', {
    streams: { graceSeconds: 0.5, firstReaderSeconds: 5 },
    limits: { queueSeconds: 3_600 },
    retention: { logSeconds: 1 },
  });
  const { url } = server;
  const admin = createClient(url, server.adminSecret);
  const names = Object.keys(requests);
  const counts: Record<string, number> = {};
  const firstTokens: { readonly at: number; readonly milliseconds: number }[] = [];

  async function run(client: Client, stopAt: number): Promise<void> {
    const firstToken = (milliseconds: number) => firstTokens.push({ at: Date.now(), milliseconds });
    do {
      const name = oneOf(random, names);
      counts[name] = (counts[name] ?? 0) + 1;
      await withinReason(name, requests[name]!({ url, client, random, firstToken }));
    } while (Date.now() < stopAt);
  }
  const keys = await Promise.all(Array.from({ length: clients }, () => newKey(url, admin)));
  const runAll = (milliseconds: number) => {
    const stopAt = Date.now() + milliseconds;
    return Promise.all(keys.map((client) => run(client, stopAt)));
  };

  // A while first: what is made once and kept is no leak.
  await runAll(20_000);
  const before = await atRest(server, admin, keys);
  firstTokens.length = 0;
  const loadBefore = loadavg()[0]!;
  const startedAt = Date.now();
  await runAll(minutes * 60_000);
  const endedAt = Date.now();
  const loadAfter = loadavg()[0]!;
  const after = await atRest(server, admin, keys);
  const window = (endedAt - startedAt) / windowsOfRun;
  const p99 = (from: number, to: number) => {
    const ofWindow = firstTokens.filter(({ at }) => at >= from && at < to).map(({ milliseconds }) => milliseconds);
    return Math.round(percentile(ofWindow, 0.99));
  };
  const first = p99(startedAt, startedAt + window);
  const last = p99(endedAt - window, endedAt);
  const report = {
    minutes,
    clients,
    requests: counts,
    firstTokenP99Milliseconds: { first, last, ratio: Number((last / first).toFixed(2)), of: firstTokens.length },
    loadAverage: { before: loadBefore, after: loadAfter },
    processes: { before: before.processes, after: after.processes },
    ...show(before.server, after.server),
  };
  try {
    await useAllSlots(server, admin);
    requireFlat(before.server, after.server);
    requireSameProcesses(before.processes, after.processes);
    if (last > first * slowerAtMost) throw new Error(`first tokens became slower: p99 ${first} ms, then ${last} ms`);
  } catch (error) {
    console.log(JSON.stringify(report, null, 2));
    throw error;
  }
  return report;
}

/** A request that never ends would keep the soak from ending, and tell nobody which it was. */
async function withinReason(name: string, request: Promise<void>): Promise<void> {
  const waiting = new AbortController();
  const late = delay(requestMilliseconds, undefined, { signal: waiting.signal }).then(() => {
    throw new Error(`a request ${name} did not end`);
  });
  late.catch(() => {});
  try {
    await Promise.race([request, late]);
  } finally {
    waiting.abort();
  }
}

async function newKey(url: string, admin: Client): Promise<Client> {
  const limits = { concurrentCompletions: 1_000, tokensPerDay: 1_000_000_000 };
  const { secret } = await createKey(admin, { name: 'soak', scopes: ['COMPLETIONS'], limits });
  return createClient(url, secret!);
}

/** Once nothing runs, waits or is reserved any more. */
async function atRest(server: SoakServer, admin: Client, keys: readonly Client[]) {
  await waitFor(
    'every slot to be free and the line to be empty',
    async () => {
      const { waiting, replicas } = await pooledModel(admin, 'starter');
      return waiting === 0 && replicas.every(({ slotsBusy }) => slotsBusy === 0);
    },
    restMilliseconds,
  );
  await waitFor(
    'nothing to be reserved',
    async () => {
      const limits = (await Promise.all(keys.map(viewerLimits))).flat();
      return limits.every(({ name, used }) => name !== 'CONCURRENT_COMPLETIONS' || used === '0');
    },
    restMilliseconds,
  );
  const { replicas } = await pooledModel(admin, 'starter');
  if (replicas.some(({ restarts }) => restarts > 0)) throw new Error('an engine died');
  const measured = await server.settled();
  return { server: measured, processes: childrenOf(server.pid).map(describeProcess) };
}

interface ProcessView {
  readonly name: string;
  readonly pid: number;
  readonly residentMebibytes: number;
  readonly descriptors: number;
  readonly threads: number;
}

function describeProcess(pid: number): ProcessView {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const figure = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'mu').exec(status)?.[1]);
  return {
    name: /inference\/(\w+)\/main/u.exec(commandLineOf(pid))?.[1] ?? 'other',
    pid,
    residentMebibytes: Math.round(figure('VmRSS') / 1_024),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: figure('Threads'),
  };
}

const moreMebibytesAtMost = 32;

function requireSameProcesses(before: readonly ProcessView[], after: readonly ProcessView[]): void {
  for (const now of after) {
    const then = before.find(({ pid }) => pid === now.pid);
    if (then === undefined) throw new Error(`${now.name} ${now.pid} was not there in the beginning`);
    const leak =
      now.descriptors > then.descriptors + 2 ||
      now.threads > then.threads + 2 ||
      now.residentMebibytes > then.residentMebibytes * 1.1 + moreMebibytesAtMost;
    if (leak) throw new Error(`${now.name} grew: ${JSON.stringify({ then, now })}`);
  }
}

/** As many endless answers as there are slots, none of which may wait for another to end: a sequence that was lost would make it. */
async function useAllSlots({ url, adminSecret }: SoakServer, admin: Client): Promise<void> {
  const logitBias = await endless(url, adminSecret, 'starter');
  const { slots } = (await pooledModel(admin, 'starter')).replicas[0]!;
  const input = { model: 'starter', prompt: 'Once', maxTokens: 500, logitBias };
  const ids = await Promise.all(Array.from({ length: slots }, async () => (await complete(admin, input)).id));
  const { nodes } = await admin.execute<{ nodes: TimedCompletion[] }>(
    'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Completion { createdAt finishedAt timings { timeToFirstTokenSeconds } } } }',
    { ids },
  );
  const firstEnd = Math.min(...nodes.map(({ finishedAt }) => Date.parse(finishedAt)));
  const atOnce = nodes.filter(
    ({ createdAt, timings }) => Date.parse(createdAt) + timings.timeToFirstTokenSeconds * 1_000 < firstEnd,
  ).length;
  if (atOnce < slots) throw new Error(`${atOnce} of ${slots} sequences are left`);
}

interface TimedCompletion {
  readonly createdAt: string;
  readonly finishedAt: string;
  readonly timings: { readonly timeToFirstTokenSeconds: number };
}
