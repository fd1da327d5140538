import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp } from '../../kit/app.ts';
import { refusal } from '../../kit/completions.ts';
import { temporaryDatabase, temporaryDataDirectory, whyNoPostgres } from '../../kit/database.ts';
import { admissionOf, admitted, openTestStore, settlementOf, type TestStore } from '../../kit/store.ts';
import { printTable } from '../table.ts';

const writers = 16;
const sliceMilliseconds = 500;
const unmeasuredRefusals = 100;
const measuredRefusals = 500;
const viewerScopes = '{ viewer { scopes } }';

/**
 * `npm run bench -- admission [seconds]`: what admitting and settling cost the database, beside the least that any counter could cost it;
 * and what a refusal costs its caller.
 */
export async function benchAdmission([seconds = '5']: readonly string[]): Promise<void> {
  const slices = Math.ceil((Number(seconds) * 1_000) / sliceMilliseconds);
  await using directory = await temporaryDataDirectory();
  {
    await using opened = await openTestStore({ dataDirectory: directory.path });
    await measureStore('PGlite', opened, slices);
  }
  await measureRefusals('PGlite', {});
  if (await whyNoPostgres()) return;
  {
    await using database = await temporaryDatabase();
    await using opened = await openTestStore({ databaseUrl: database.url, dataDirectory: 'unused' });
    await measureStore('PostgreSQL', opened, slices);
  }
  await using database = await temporaryDatabase();
  await measureRefusals('PostgreSQL', { DATABASE_URL: database.url });
}

/** What one writer does over and over; each step is a commit. */
type Work = (writer: number) => AsyncGenerator<void, never, void>;

interface Measured {
  readonly what: string;
  readonly work: Work;
  readonly durations: number[];
  elapsed: number;
}

async function measureStore(name: string, opened: TestStore, slices: number): Promise<void> {
  const { store, database } = opened;
  const limits = {
    requestsPerMinute: 2_000_000_000,
    tokensPerDay: 10n ** 15n,
    tokensPerMonth: 10n ** 15n,
    costPerMonth: 10n ** 17n,
  };
  const free = await opened.newKey();
  const limited = await opened.newKey({ limits });
  const keys = await Promise.all(Array.from({ length: writers }, () => opened.newKey({ limits })));
  type Key = typeof free;
  const admission = (key: Key) => admissionOf(key, { at: new Date(), leaseUntil: new Date(Date.now() + 60_000) });
  const update = (keyOf: (writer: number) => Key): Work =>
    async function* (writer) {
      const { id } = keyOf(writer);
      for (;;) {
        yield void (await database.prisma
          .$queryRaw`UPDATE quotas SET day_tokens_used = day_tokens_used + 1 WHERE subject_id = ${id}::uuid RETURNING day_tokens_used`);
      }
    };
  const admit = (keyOf: (writer: number) => Key): Work =>
    async function* (writer) {
      for (;;) yield void (await admitted(store, admission(keyOf(writer))));
    };
  const admitAndSettle = (keyOf: (writer: number) => Key): Work =>
    async function* (writer) {
      for (;;) {
        const completion = await admitted(store, admission(keyOf(writer)));
        yield;
        yield void (await store.completions.finalise(settlementOf(completion)));
      }
    };
  const own = (writer: number) => keys[writer]!;
  const groups: readonly (readonly [string, Work])[][] = [
    [
      ['bare UPDATE … RETURNING, one row', update(() => free)],
      ['admission, one key without limits', admit(() => free)],
      ['admission, one key with four limits', admit(() => limited)],
      ['admission, then settlement, one key with four limits', admitAndSettle(() => limited)],
    ],
    [
      ['bare UPDATE … RETURNING, a row each', update(own)],
      ['admission, a project and key each', admit(own)],
      ['admission, then settlement, a project and key each', admitAndSettle(own)],
    ],
  ];
  const rows: string[][] = [];
  for (const group of groups) {
    const measured = await measureInTurns(group, slices);
    const reference = commitsPerSecond(measured[0]!);
    rows.push(...measured.map((each) => rowOf(each, reference)));
  }
  const columns = ['', 'commits/s', '× bare', 'p50 ms', 'p99 ms'];
  printTable(`${name}, ${writers} writers, each commit a transaction of its own`, columns, rows);
}

/** A slice of each, over and over, so that all have the same share of what else the machine does. The first round is not counted. */
async function measureInTurns(group: readonly (readonly [string, Work])[], slices: number): Promise<Measured[]> {
  const measured = group.map(([what, work]): Measured => ({ what, work, durations: [], elapsed: 0 }));
  for (let slice = 0; slice <= slices; slice++) {
    for (const each of measured) {
      const { durations, elapsed } = await measureSlice(each.work);
      if (slice === 0) continue;
      each.durations.push(...durations);
      each.elapsed += elapsed;
    }
  }
  return measured;
}

async function measureSlice(work: Work): Promise<{ readonly durations: number[]; readonly elapsed: number }> {
  const durations: number[] = [];
  const began = performance.now();
  const writing = Array.from({ length: writers }, async (_, writer) => {
    const steps = work(writer);
    while (performance.now() - began < sliceMilliseconds) {
      const start = performance.now();
      await steps.next();
      durations.push(performance.now() - start);
    }
  });
  await Promise.all(writing);
  return { durations, elapsed: performance.now() - began };
}

function commitsPerSecond({ durations, elapsed }: Measured): number {
  return (durations.length * 1_000) / elapsed;
}

function rowOf(measured: Measured, reference: number): string[] {
  const rate = commitsPerSecond(measured);
  const { durations, what } = measured;
  return [
    what,
    rate.toFixed(0),
    (rate / reference).toFixed(2),
    percentile(durations, 0.5),
    percentile(durations, 0.99),
  ];
}

/** One caller, one request at a time, over HTTP; the engine is scripted, so that tokenising takes no time. */
async function measureRefusals(name: string, environment: Readonly<Record<string, string>>): Promise<void> {
  await using app = await startApp({ inference: createScriptedInference(), environment });
  const client = await app.newClient({ limits: { tokensPerDay: 1 } });
  const input = { model: 'scripted', prompt: 'alpha beta' };
  const works: readonly (readonly [string, () => Promise<void>])[] = [
    ['{ viewer { scopes } }, which asks the database nothing', async () => void (await client.execute(viewerScopes))],
    [
      'createCompletion over a quota',
      async () => {
        const { code } = await refusal(client, input);
        if (code !== 'QUOTA_EXCEEDED') throw new Error(`not refused by the quota: ${code}`);
      },
    ],
  ];
  const durations = works.map((): number[] => []);
  for (let round = 0; round < unmeasuredRefusals + measuredRefusals; round++) {
    for (const [index, [, work]] of works.entries()) {
      const start = performance.now();
      await work();
      if (round >= unmeasuredRefusals) durations[index]!.push(performance.now() - start);
    }
  }
  const rows = works.map(([what], index) => {
    const taken = durations[index]!;
    return [what, percentile(taken, 0.1), percentile(taken, 0.5), percentile(taken, 0.99)];
  });
  printTable(`${name}, refused over HTTP, beyond tokenising`, ['', 'p10 ms', 'p50 ms', 'p99 ms'], rows);
}

function percentile(durations: readonly number[], share: number): string {
  const sorted = [...durations].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * share)]!.toFixed(1);
}
