import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, createClient } from './client.ts';
import type { Produced } from './engine-meter.ts';
import type { FromMeteredServer, ToMeteredServer } from './metered-server.ts';
import { childrenOf, commandLineOf } from './server-process.ts';

export interface MeteredServer extends AsyncDisposable {
  readonly url: string;
  readonly admin: Client;
  readonly child: ChildProcess;
  /** Lets a held engine produce. */
  release(): void;
  /** Everything that runs on an engine fails: it is killed, or says it was. */
  crashEngine(): void;
  /** SIGKILL; resolves when the process is gone and everything that it told has been heard. */
  kill(): Promise<void>;
}

export interface MeteredServerOptions {
  readonly engine: 'llama' | 'paced' | 'held';
  readonly dataDirectory: string;
  readonly adminSecret: string;
  /** What every node of one database shares. */
  readonly secret?: string | undefined;
  readonly databaseUrl?: string | undefined;
  /** sluice.config.json, as its file would say it. */
  readonly config?: object;
  readonly onProduced?: (produced: Produced) => void;
}

/** A server in a process of its own, whose engine is metered: one that may be killed. */
export async function startMeteredServer(options: MeteredServerOptions): Promise<MeteredServer> {
  const { engine, dataDirectory, adminSecret, secret, databaseUrl, config = {}, onProduced } = options;
  const configFile = join(dataDirectory, 'sluice.config.json');
  await writeFile(configFile, JSON.stringify(config));
  const child = fork(new URL('./metered-server.ts', import.meta.url), {
    execArgv: ['--import', 'tsx'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      SLUICE_PORT: '0',
      SLUICE_DATA_DIR: dataDirectory,
      SLUICE_ADMIN_KEY: adminSecret,
      SLUICE_CONFIG: configFile,
      METERED_ENGINE: engine,
      ...(secret === undefined ? {} : { SLUICE_SECRET: secret }),
      ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
    },
  });
  // What it told last is heard, too.
  const closed = Promise.all([once(child, 'close'), once(child, 'disconnect')]);
  const tell = (message: ToMeteredServer) => void child.send(message);
  const url = await new Promise<string>((resolve, reject) => {
    child.on('message', (message: FromMeteredServer) => {
      if (message.type === 'ready') resolve(message.url);
      else onProduced?.(message.produced);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code} before it was ready`)));
  });
  return {
    url,
    admin: createClient(url, adminSecret),
    child,
    release: () => tell({ type: 'release' }),
    crashEngine() {
      tell({ type: 'crash' });
      for (const pid of childrenOf(child.pid!)) {
        if (commandLineOf(pid).includes('inference/child/main')) process.kill(pid, 'SIGKILL');
      }
    },
    async kill() {
      child.kill('SIGKILL');
      await closed;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) tell({ type: 'stop' });
      await closed;
    },
  };
}
