import { cpus, loadavg } from 'node:os';

/** `npm run bench -- NAME [options]`. Each prints what it measured beside references measured in the same run. */
const benches: Record<string, { readonly summary: string; run(argv: readonly string[]): Promise<void> }> = {
  admission: {
    summary: 'admissions on both databases: commits a second and latencies, beside a bare UPDATE',
    run: async (argv) => (await import('./admission/bench.ts')).benchAdmission(argv),
  },
  idle: {
    summary: 'what a server with a loaded model takes of the processor while nobody asks',
    run: async (argv) => (await import('./idle/bench.ts')).benchIdle(argv),
  },
  overload: {
    summary:
      'ten times the load that the engine can serve: waits of what is admitted, and how fast the rest is refused',
    run: async (argv) => (await import('./overload/bench.ts')).benchOverload(argv),
  },
  pool: {
    summary:
      'the model pool with random weights of real shapes: tokens a second and latencies, beside the bare engine and llama-server',
    run: async (argv) => (await import('./pool/bench.ts')).benchPool(argv),
  },
  streams: {
    summary: 'tokens delivered to readers: throughput and CPU a token, over WebSocket and SSE',
    run: async (argv) => (await import('./streams/bench.ts')).benchStreams(argv),
  },
  usage: {
    summary: "a month's reports on both databases over generated records (--records): times and plans",
    run: async (argv) => (await import('./usage/bench.ts')).benchUsage(argv),
  },
};

const [name = '', ...argv] = process.argv.slice(2);
const bench = benches[name];
if (bench) {
  const load = loadavg().map((average) => average.toFixed(1));
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores, load ${load.join(' ')}, Node.js ${process.version}`);
  await bench.run(argv);
} else {
  console.log('npm run bench -- NAME [options]\n');
  for (const [known, { summary }] of Object.entries(benches)) console.log(`  ${known}  ${summary}`);
  process.exitCode = name === '' ? 0 : 1;
}
