import { setTimeout as delay } from 'node:timers/promises';
import { generateSecret } from '../../src/lib/api-key-secret.ts';
import { openDatabase } from '../../src/store/open.ts';
import { endless } from './chaos.ts';
import { type Client, createClient } from './client.ts';
import { create } from './completions.ts';
import { silentLog } from './database.ts';
import { createKey, updateKey } from './keys.ts';
import { type MeteredServer, startMeteredServer } from './metered-process.ts';
import { compareWithRecords, type Metering, type MeteringSums } from './metering-proof.ts';
import { endings, RefusedError } from './mixed-endings.ts';
import { between, createRandom, oneOf } from './random.ts';
import type { TcpProxy } from './tcp-proxy.ts';
import { viewerLimits } from './usage.ts';
import { waitFor } from './wait-for.ts';

export interface MeteringOptions {
  readonly engine: 'llama' | 'paced';
  readonly dataDirectory: string;
  /** PostgreSQL in place of the embedded database. */
  readonly databaseUrl?: string | undefined;
  readonly config?: object;
  readonly leaseSeconds: number;
  readonly runs: number;
  readonly concurrency: number;
  /** How often the server is killed with SIGKILL on the way, evenly spread. */
  readonly kills: number;
  /** Takes the database away for so long, once, half-way. */
  readonly outage?: { readonly proxy: TcpProxy; readonly seconds: number } | undefined;
  readonly seed: number;
}

export interface MeteringReport extends MeteringSums {
  readonly endings: Readonly<Record<string, number>>;
  readonly kills: number;
  /** From the last start of the server until nothing was reserved any more. */
  readonly reservedForSeconds: number;
  /** OVERLOADED answers while the database was away. */
  readonly refusedWhileAway: number;
}

const manyTokens = 1_000_000_000;
const retryMilliseconds = 500;
/** For what still runs when its caller has left, and for its settlement, on a machine that is busy. */
const settlingMilliseconds = 20_000;
/** In tokens: enough to be interrupted, at the pace of the engine. */
const longestText = { paced: 40, llama: 400 };

/**
 * Brings completions to mixed endings, over the public API of a server process that is killed on the way, and holds what was billed
 * against what the engine produced. Throws where the two differ, where a record is missing or doubled, where something stays
 * reserved, and where a request is refused that should not be.
 */
export async function runMetering(options: MeteringOptions): Promise<MeteringReport> {
  const { engine, dataDirectory, databaseUrl, leaseSeconds, runs, concurrency, kills, outage, seed } = options;
  const random = createRandom(seed);
  const adminSecret = generateSecret();
  const metering: Metering = { processes: [] };
  const counts: Record<string, number> = {};
  let server: MeteredServer | undefined;
  let client: Client;
  let refusedWhileAway = 0;
  let startedAt = 0;

  async function start(): Promise<void> {
    const process = { produced: [], killedAt: undefined } as Metering['processes'][number];
    metering.processes.push(process);
    server = await startMeteredServer({
      engine,
      dataDirectory,
      databaseUrl,
      adminSecret,
      config: options.config ?? {},
      onProduced: (produced) => process.produced.push(produced),
    });
    startedAt = Date.now();
    if (client) client = createClient(server.url, client.secret);
  }

  async function kill(): Promise<void> {
    metering.processes.at(-1)!.killedAt = Date.now();
    await server!.kill();
    await start();
  }

  await start();
  try {
    const limits = { tokensPerDay: manyTokens, tokensPerMonth: manyTokens, concurrentCompletions: 10_000 };
    const scopes = ['COMPLETIONS', 'USAGE_READ'];
    const { secret, apiKey } = await createKey(server!.admin, { name: 'metered', scopes, limits });
    client = createClient(server!.url, secret!);
    const input = engine === 'llama' ? await llamaInput(client) : () => scriptedInput(random);

    /** Beginnings and ends of kills and outages: what they break off is expected. */
    let disturbances = 0;
    let disturbing: Promise<void> | undefined;
    async function disturb(work: () => Promise<void>): Promise<void> {
      await disturbing;
      disturbances++;
      disturbing = work().finally(() => {
        disturbances++;
        disturbing = undefined;
      });
      await disturbing;
    }
    const plan = new Map<number, () => Promise<void>>();
    for (let i = 1; i <= kills; i++) plan.set(Math.floor((i * runs) / (kills + 1)), kill);
    if (outage) plan.set(Math.floor(runs / 2) + 1, () => takeDatabaseAway(outage));
    const planned: Promise<void>[] = [];

    /** False where it was refused for the moment, as OVERLOADED says: it is then to be tried again. */
    async function endOne(name: string): Promise<boolean> {
      const before = disturbances;
      const maxTokens = Math.floor(between(random, 2, longestText[engine]));
      try {
        await endings[name]!({ client, input: input(), maxTokens, random, crashEngine: () => server!.crashEngine() });
        return true;
      } catch (error) {
        const disturbed = disturbances !== before || disturbing !== undefined;
        if (error instanceof RefusedError) {
          if (error.code !== 'OVERLOADED') throw error;
          if (disturbed) refusedWhileAway++;
          return false;
        }
        if (!disturbed) throw error;
        return true;
      }
    }

    let [begun, ended] = [0, 0];
    async function worker(): Promise<void> {
      while (begun++ < runs) {
        const name = oneOf(random, Object.keys(endings));
        while (!(await endOne(name))) await delay(retryMilliseconds);
        counts[name] = (counts[name] ?? 0) + 1;
        const disturbance = plan.get(++ended);
        if (disturbance) planned.push(disturb(disturbance));
        if (server!.child.killed) await disturbing;
      }
    }
    const outcomes = await Promise.allSettled(Array.from({ length: concurrency }, worker));
    outcomes.push(...(await Promise.allSettled(planned)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;

    const used = async () => Object.fromEntries((await viewerLimits(client)).map(({ name, used }) => [name, used]));
    // Whoever shares its database takes over what others left once it has had that for a lease, and looks four times in each.
    const leaseLeft = Math.max(startedAt + 1.25 * leaseSeconds * 1_000 - Date.now(), 0);
    await waitFor(
      'nothing to be reserved any more, a lease after the last start',
      async () => (await used()).CONCURRENT_COMPLETIONS === '0',
      leaseLeft + settlingMilliseconds,
    );
    const reservedForSeconds = (Date.now() - startedAt) / 1_000;
    const sums = await compareWithRecords(metering, client);
    const total = String(sums.billedTokens);
    const { TOKENS_PER_DAY, TOKENS_PER_MONTH } = await used();
    if (TOKENS_PER_DAY !== total || TOKENS_PER_MONTH !== total) {
      throw new Error(`${total} tokens are billed, ${TOKENS_PER_DAY} and ${TOKENS_PER_MONTH} counted by the limits`);
    }
    await requireExactRoom(server!.admin, client, apiKey!.id, sums.billedTokens, input());
    await server![Symbol.asyncDispose]();
    await requireNothingReserved({ dataDirectory, databaseUrl });
    return { ...sums, endings: counts, kills, reservedForSeconds, refusedWhileAway };
  } finally {
    await server![Symbol.asyncDispose]();
  }
}

async function takeDatabaseAway({ proxy, seconds }: NonNullable<MeteringOptions['outage']>): Promise<void> {
  proxy.goAway();
  await delay(seconds * 1_000);
  await proxy.comeBack();
}

/** After all that, a request that just fits is admitted, and one token more is not. */
async function requireExactRoom(admin: Client, client: Client, id: string, used: number, input: object): Promise<void> {
  const maxTokens = 5;
  await updateKey(admin, { id, limits: { tokensPerDay: used + 10_000, tokensPerMonth: null } });
  // An engine that was killed again and again comes back later and later.
  const succeeded = async () => {
    const { completion } = await create(client, { ...input, maxTokens });
    return completion?.status === 'SUCCEEDED' && completion.usage;
  };
  const { promptTokens } = await waitFor('the engine to be back', succeeded, 180_000);
  const spent = Number((await viewerLimits(client)).find(({ name }) => name === 'TOKENS_PER_DAY')!.used);
  await updateKey(admin, { id, limits: { tokensPerDay: spent + promptTokens + maxTokens } });
  const beyond = await create(client, { ...input, maxTokens: maxTokens + 1 });
  if (beyond.code !== 'QUOTA_EXCEEDED') throw new Error(`a token more than there is was answered with ${beyond.code}`);
  const fitting = await create(client, { ...input, maxTokens });
  if (fitting.completion?.status !== 'SUCCEEDED') throw new Error(`what just fits was answered with ${fitting.code}`);
}

/** Whatever a quota can hold back, of projects as of keys. */
async function requireNothingReserved(options: Pick<MeteringOptions, 'dataDirectory' | 'databaseUrl'>): Promise<void> {
  await using database = await openDatabase({ ...options, log: silentLog });
  const quotas = await database.prisma.quota.findMany({
    select: {
      subjectId: true,
      concurrent: true,
      dayTokensReserved: true,
      monthTokensReserved: true,
      monthCostReserved: true,
    },
  });
  if (quotas.length === 0) throw new Error('there are no quotas');
  for (const { subjectId, ...held } of quotas) {
    const left = Object.entries(held).filter(([, amount]) => BigInt(amount) !== 0n);
    if (left.length > 0) throw new Error(`${subjectId} still holds ${left.map((each) => each.join(' ')).join(', ')}`);
  }
}

function scriptedInput(random: () => number): object {
  const words = Array.from({ length: Math.floor(between(random, 1, 60)) }, () => `w${Math.floor(random() * 100)}`);
  return { model: 'scripted', prompt: words.join(' ') };
}

async function llamaInput(client: Client): Promise<() => object> {
  const { origin } = new URL(client.endpoint);
  const logitBias = await endless(origin, client.secret, 'starter');
  return () => ({ model: 'starter', prompt: 'Once upon a time', logitBias });
}
