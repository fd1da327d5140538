import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { FromServer, Measurement } from './soak-server.ts';
import type { Report, SoakOptions } from './soak-streams.ts';

export interface SoakServer extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
  readonly adminSecret: string;
  measure(): Promise<Measurement>;
  /** Once the operating system takes nothing more of what is sent. */
  idle(): Promise<Measurement>;
  /** Once the connections are closed and the logs are let go. */
  settled(): Promise<Measurement>;
}

export async function startSoakServer(engine: SoakOptions['engine'], config: object): Promise<SoakServer> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'sluice-soak-'));
  const path = join(dataDirectory, 'sluice.config.json');
  const starter = { name: 'starter', source: `file:${resolve('models/starter.gguf')}`, contextSize: 512, threads: 1 };
  await writeFile(path, JSON.stringify({ models: [starter], ...config }));
  const child = fork(new URL('./soak-server.ts', import.meta.url), {
    execArgv: ['--import', 'tsx', '--expose-gc'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      SLUICE_PORT: '0',
      SLUICE_DATA_DIR: dataDirectory,
      SLUICE_CONFIG: path,
      SOAK_ENGINE: engine,
    },
  });
  const ended = once(child, 'exit');
  async function answer<T extends FromServer['type']>(type: T): Promise<Extract<FromServer, { type: T }>> {
    const [message] = (await Promise.race([once(child, 'message'), ended])) as [FromServer | number];
    if (typeof message === 'object' && message?.type === type) return message as Extract<FromServer, { type: T }>;
    throw new Error('the server ended');
  }
  const { url, adminSecret } = await answer('ready');

  async function measure(): Promise<Measurement> {
    child.send({ type: 'measure' });
    return (await answer('measured')).measurement;
  }

  return {
    pid: child.pid!,
    url,
    adminSecret,
    measure,
    async idle() {
      const giveUpAt = performance.now() + 600_000;
      for (let last = await measure(); ; ) {
        await delay(3_000);
        const now = await measure();
        if (performance.now() > giveUpAt) throw new Error('the server finds no rest');
        if (now.takenBytes === last.takenBytes) return now;
        last = now;
      }
    },
    async settled() {
      for (let i = 0; ; i++) {
        await delay(1_000);
        const measured = await measure();
        if (i > 12 || ((measured.resources.TCPSocketWrap ?? 0) === 0 && i > 6)) return measured;
      }
    },
    async [Symbol.asyncDispose]() {
      child.send({ type: 'stop' });
      await ended;
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

export function requireFlat(before: Measurement, after: Measurement): void {
  const growth = after.heapBytes / before.heapBytes - 1;
  if (growth > 0.1)
    throw new Error(`the heap grew by ${Math.round(growth * 100)} %: ${JSON.stringify({ before, after })}`);
  for (const [name, count] of Object.entries(after.resources)) {
    const most = (before.resources[name] ?? 0) + 2;
    if (count > most) throw new Error(`${count} ${name} are left, ${before.resources[name] ?? 0} were there`);
  }
}

export function show(before: Measurement, after: Measurement): Report {
  const mebibytes = (bytes: number) => Number((bytes / 1_048_576).toFixed(1));
  return {
    heapMebibytes: { before: mebibytes(before.heapBytes), after: mebibytes(after.heapBytes) },
    residentMebibytes: { before: mebibytes(before.residentBytes), after: mebibytes(after.residentBytes) },
    resources: { before: before.resources, after: after.resources },
  };
}
