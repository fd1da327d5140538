import { parseArgs } from 'node:util';
import type { UsageQuery, UsageRecordFilter } from '../../../src/contracts/stores/usage.ts';
import { temporaryDatabase, temporaryDataDirectory, whyNoPostgres } from '../../kit/database.ts';
import { recordStatements } from '../../kit/statements.ts';
import { openTestStore, type TestStore } from '../../kit/store.ts';
import { median, printTable } from '../table.ts';
import { type GeneratedMonth, generateMonth } from './generate.ts';
import { planOf } from './plan.ts';

const mostOnPGlite = 100_000;
const repeats = 5;

/** `npm run bench -- usage [--records N]`: how long a month's reports take over generated records, beside counting these. */
export async function benchUsage(argv: readonly string[]): Promise<void> {
  const options = { records: { type: 'string', default: '10000000' } } as const;
  const records = Number(parseArgs({ args: [...argv], options }).values.records);
  await using directory = await temporaryDataDirectory();
  {
    await using opened = await openTestStore({ dataDirectory: directory.path });
    await measureStore('PGlite', opened, Math.min(records, mostOnPGlite));
  }
  if (await whyNoPostgres()) return;
  await using database = await temporaryDatabase();
  await using opened = await openTestStore({ databaseUrl: database.url, dataDirectory: 'unused' });
  await measureStore('PostgreSQL', opened, records);
}

async function measureStore(name: string, opened: TestStore, records: number): Promise<void> {
  const began = performance.now();
  const generated = await generateMonth(opened, records);
  const { pool } = opened.database;
  const { rows: sizes } = await pool.query<{ rollups: string; bytes: string; histogram_bytes: string }>(
    `SELECT count(*) AS rollups, pg_size_pretty(pg_table_size('usage_rollups')) AS bytes,
       pg_size_pretty(pg_table_size('usage_histograms')) AS histogram_bytes FROM usage_rollups`,
  );
  const { rollups, bytes, histogram_bytes } = sizes[0]!;
  console.log(
    `\n${name}: ${records} records in ${rollups} roll-ups (${bytes}, histograms ${histogram_bytes}), made in ${seconds(performance.now() - began)} s`,
  );

  const { from, before } = generated;
  const count = () =>
    pool.query('SELECT count(*) FROM usage_records WHERE created_at >= $1 AND created_at < $2', [from, before]);
  const reference = await measure(count);
  const rows: string[][] = [row('count(*) of the records', reference, reference)];
  const plans: string[] = [];
  for (const [what, work] of works(opened, generated)) {
    rows.push(row(what, await measure(work), reference));
    plans.push(`${what}: ${await plansOf(opened, work)}`);
  }
  printTable(`${name}, a month of ${records} records`, ['', 'ms', '× count(*)'], rows);
  console.log(`\nPlans, with the rows that each step gave\n`);
  for (const plan of plans) console.log(plan);
}

function works({ store: { usage } }: TestStore, generated: GeneratedMonth): [string, () => Promise<unknown>][] {
  const { from, before, projectId, apiKeyId } = generated;
  const all: UsageQuery = { projectId: null, from, before, granularity: null, timeZone: 'UTC', groupBy: [] };
  const reports: [string, UsageQuery][] = [
    ['by project', { ...all, groupBy: ['PROJECT'] }],
    ['by key', { ...all, groupBy: ['API_KEY'] }],
    ['by model', { ...all, groupBy: ['MODEL'] }],
    ['by day', { ...all, granularity: 'DAY' }],
    ['by day in Kolkata and model', { ...all, granularity: 'DAY', timeZone: 'Asia/Kolkata', groupBy: ['MODEL'] }],
    ['by key, of one project', { ...all, projectId, groupBy: ['API_KEY'] }],
  ];
  const page = (filter: UsageRecordFilter) => () => usage.records(filter, { limit: 100, direction: 'forward' });
  const middle = new Date((from.getTime() + before.getTime()) / 2);
  return [
    ...reports.flatMap(([what, query]): [string, () => Promise<unknown>][] => [
      [what, () => usage.report(query)],
      [`${what}, percentiles`, () => usage.percentiles(query)],
    ]),
    ['records, first page', page({ projectId: null })],
    ['records, first page of one project', page({ projectId })],
    ['records, first page of one key', page({ projectId: null, apiKeyId })],
    ['records, first page of a model and user', page({ projectId: null, model: 'model-1', user: 'user-7' })],
    ['records, first page of half a month ago', page({ projectId: null, before: middle })],
    [
      'records, the page after that',
      async () => {
        const first = await usage.records({ projectId: null, before: middle }, { limit: 100, direction: 'forward' });
        await usage.records({ projectId: null }, { limit: 100, direction: 'forward', cursor: first.rows.at(-1)!.id });
      },
    ],
    [
      'records, first page of a key, half a month ago',
      page({ projectId, apiKeyId, from: new Date(middle.getTime() - 86_400_000), before: middle }),
    ],
  ];
}

/** Milliseconds: the median of several, after one that finds the tables where the others will. */
async function measure(work: () => Promise<unknown>): Promise<number> {
  const durations: number[] = [];
  for (let repeat = 0; repeat <= repeats; repeat++) {
    const start = performance.now();
    await work();
    durations.push(performance.now() - start);
  }
  return median(durations.slice(1));
}

async function plansOf({ database }: TestStore, work: () => Promise<unknown>): Promise<string> {
  const recorded = recordStatements();
  await work();
  recorded[Symbol.dispose]();
  const plans = await Promise.all(recorded.statements.map((statement) => planOf(database.pool, statement)));
  return plans.join('; ');
}

function row(what: string, milliseconds: number, reference: number): string[] {
  return [what, milliseconds.toFixed(1), (milliseconds / reference).toFixed(2)];
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1_000).toFixed(0);
}
