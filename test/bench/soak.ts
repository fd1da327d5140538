import { parseArgs } from 'node:util';
import { soakMetering } from './soak-metering.ts';
import { soakPool } from './soak-pool.ts';
import { soakStalled, soakStored } from './soak-stalled.ts';
import { type SoakOptions, soakFlat, soakStreams } from './soak-streams.ts';

/**
 * npm run soak -- streams [--minutes 3] [--streams 200] [--engine llama|scripted]
 * npm run soak -- stalled [--readers 1000]    each takes the kernel about 4 MB: net.ipv4.tcp_mem must allow for it, or tcp_wmem and tcp_rmem for less
 * npm run soak -- stored [--readers 1000]     as before, of completions that only the store has
 * npm run soak -- flat [--completions 10000] [--engine llama|scripted]
 * npm run soak -- pool [--minutes 30] [--clients 16]
 * npm run soak -- metering [--runs 1000] [--kills 10] [--outage 60] [--store pglite|postgres] [--engine llama|scripted]
 */
const soaks = {
  streams: soakStreams,
  stalled: soakStalled,
  stored: soakStored,
  flat: soakFlat,
  pool: soakPool,
  metering: soakMetering,
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string' },
    streams: { type: 'string', default: '200' },
    engine: { type: 'string', default: 'llama' },
    completions: { type: 'string', default: '10000' },
    clients: { type: 'string', default: '16' },
    readers: { type: 'string', default: '1000' },
    runs: { type: 'string', default: '1000' },
    kills: { type: 'string', default: '10' },
    outage: { type: 'string', default: '60' },
    store: { type: 'string', default: 'pglite' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
  },
});
const options: SoakOptions = {
  engine: values.engine === 'scripted' ? 'scripted' : 'llama',
  minutes: values.minutes === undefined ? undefined : Number(values.minutes),
  streams: Number(values.streams),
  completions: Number(values.completions),
  readers: Number(values.readers),
  clients: Number(values.clients),
  runs: Number(values.runs),
  kills: Number(values.kills),
  outageSeconds: Number(values.outage),
  store: values.store === 'postgres' ? 'postgres' : 'pglite',
  seed: Number(values.seed),
};

for (const name of positionals.length > 0 ? positionals : Object.keys(soaks)) {
  const soak = soaks[name as keyof typeof soaks];
  if (!soak) throw new Error(`there is no soak ${name}: ${Object.keys(soaks).join(', ')}`);
  console.log(`${name} (seed ${options.seed})`);
  console.log(JSON.stringify(await soak(options), null, 2));
}
