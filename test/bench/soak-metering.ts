import { resolve } from 'node:path';
import { temporaryDatabase, temporaryDataDirectory } from '../kit/database.ts';
import { type MeteringOptions, type MeteringReport, runMetering } from '../kit/metering-run.ts';
import { startTcpProxyOf } from '../kit/tcp-proxy.ts';
import type { SoakOptions } from './soak-streams.ts';

interface MeteringSoakReport {
  readonly undisturbed: MeteringReport;
  readonly withKills: MeteringReport;
  /** PostgreSQL only: the embedded database cannot be away. */
  readonly withDatabaseAway?: MeteringReport;
}

const starter = { name: 'starter', source: `file:${resolve('models/starter.gguf')}`, contextSize: 512, threads: 1 };
/** Everything but readers' patience is as it is by default. */
const config = { models: [starter], streams: { graceSeconds: 0.5, firstReaderSeconds: 1 } };
const leaseSeconds = 60;
/** Half a second, and a tenth for the way of the signal and of the meter's own messages. */
const mostMissingMilliseconds = 600;

/** What is billed is what engines produced: however completions end, where servers are killed, and where the database is away. */
export async function soakMetering(options: SoakOptions): Promise<MeteringSoakReport> {
  const { runs, kills, outageSeconds, store } = options;
  const engine = options.engine === 'llama' ? 'llama' : 'paced';
  const shared = { engine, config, leaseSeconds, concurrency: 24, seed: options.seed } as const;
  const undisturbed = await runOn(store, { ...shared, runs, kills: 0 });
  console.log(JSON.stringify({ undisturbed }));
  const withKills = await runOn(store, { ...shared, runs, kills });
  console.log(JSON.stringify({ withKills }));
  if (withKills.missingMilliseconds > mostMissingMilliseconds) {
    throw new Error(`${withKills.missingMilliseconds} ms before a kill were lost: the promise is half a second`);
  }
  if (store === 'pglite') return { undisturbed, withKills };
  return { undisturbed, withKills, withDatabaseAway: await runOn(store, { ...shared, runs, kills: 0 }, outageSeconds) };
}

async function runOn(
  store: SoakOptions['store'],
  options: Omit<MeteringOptions, 'dataDirectory' | 'databaseUrl' | 'outage'>,
  outageSeconds = 0,
): Promise<MeteringReport> {
  await using directory = await temporaryDataDirectory();
  const dataDirectory = directory.path;
  if (store === 'pglite') return await runMetering({ ...options, dataDirectory });
  await using database = await temporaryDatabase();
  await using proxy = await startTcpProxyOf(database.url);
  const outage = outageSeconds > 0 ? { proxy, seconds: outageSeconds } : undefined;
  return await runMetering({ ...options, dataDirectory, databaseUrl: proxy.url, outage });
}
