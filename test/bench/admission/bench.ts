import { temporaryDatabase, temporaryDataDirectory, whyNoPostgres } from '../../kit/database.ts';
import { admissionOf, openTestStore, type TestStore } from '../../kit/store.ts';
import { printTable } from '../table.ts';

const columns = ['', 'commits/s', 'p50 ms', 'p99 ms'];
const writers = 16;

/** `npm run bench -- admission [seconds]`: what admitting costs the database, beside the least that any counter could cost it. */
export async function benchAdmission([seconds = '5']: readonly string[]): Promise<void> {
  const milliseconds = Number(seconds) * 1_000;
  await using directory = await temporaryDataDirectory();
  {
    await using opened = await openTestStore({ dataDirectory: directory.path });
    await measureStore('PGlite', opened, milliseconds);
  }
  if (await whyNoPostgres()) return;
  await using database = await temporaryDatabase();
  await using opened = await openTestStore({ databaseUrl: database.url, dataDirectory: 'unused' });
  await measureStore('PostgreSQL', opened, milliseconds);
}

async function measureStore(name: string, opened: TestStore, milliseconds: number): Promise<void> {
  const { store, database } = opened;
  const shared = await opened.newKey();
  const limits = {
    requestsPerMinute: 2_000_000_000,
    tokensPerDay: 10n ** 15n,
    tokensPerMonth: 10n ** 15n,
    costPerMonth: 10n ** 17n,
  };
  const limited = await opened.newKey({ limits });
  const keys = await Promise.all(Array.from({ length: writers }, () => opened.newKey({ limits })));
  const admit = (key: (typeof keys)[number]) => async () => {
    const { type } = await store.completions.admit(
      admissionOf(key, { at: new Date(), leaseUntil: new Date(Date.now() + 60_000) }),
    );
    if (type !== 'admitted') throw new Error(`not admitted: ${type}`);
  };
  const update = (subjectId: string) => () =>
    database.prisma
      .$queryRaw`UPDATE quotas SET day_tokens_used = day_tokens_used + 1 WHERE subject_id = ${subjectId}::uuid RETURNING day_tokens_used`;
  const rows: [string, (writer: number) => () => Promise<unknown>][] = [
    ['bare UPDATE … RETURNING, one row', () => update(shared.id)],
    ['admission, one key without limits', () => admit(shared)],
    ['admission, one key with four limits', () => admit(limited)],
    ['bare UPDATE … RETURNING, a row each', (writer) => update(keys[writer]!.id)],
    ['admission, a project and key each', (writer) => admit(keys[writer]!)],
  ];
  const measured: string[][] = [];
  for (const [what, workOf] of rows) measured.push([what, ...(await measure(workOf, milliseconds))]);
  printTable(`${name}, ${writers} writers, each commit a transaction of its own`, columns, measured);
}

async function measure(workOf: (writer: number) => () => Promise<unknown>, milliseconds: number): Promise<string[]> {
  const durations: number[] = [];
  await workOf(0)();
  const began = performance.now();
  const writing = Array.from({ length: writers }, async (_, writer) => {
    const work = workOf(writer);
    while (performance.now() - began < milliseconds) {
      const start = performance.now();
      await work();
      durations.push(performance.now() - start);
    }
  });
  await Promise.all(writing);
  const elapsed = performance.now() - began;
  durations.sort((a, b) => a - b);
  const at = (share: number) => durations[Math.floor((durations.length - 1) * share)]!.toFixed(1);
  return [Math.round((durations.length * 1_000) / elapsed).toString(), at(0.5), at(0.99)];
}
