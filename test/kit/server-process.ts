import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateSecret } from '../../src/lib/api-key-secret.ts';
import { type SluiceProcess, startSluice } from '../api/cli/sluice-process.ts';
import { type Client, createClient } from './client.ts';
import { waitFor } from './wait-for.ts';

const startMilliseconds = 60_000;

export interface ServerProcess extends SluiceProcess {
  readonly url: string;
  readonly admin: Client;
  /** Engines and tokenizers: the processes that it started. */
  children(): readonly number[];
}

export interface ServerProcessOptions {
  readonly dataDirectory: string;
  readonly adminSecret: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export const newAdminSecret = generateSecret;

/** A server in a process of its own, ready to answer: one that may be killed. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { dataDirectory, adminSecret, environment = {} } = options;
  const settings = {
    SLUICE_PORT: '0',
    SLUICE_DATA_DIR: dataDirectory,
    SLUICE_ADMIN_KEY: adminSecret,
    ...environment,
  };
  const serve = startSluice(['serve'], settings);
  const pid = serve.child.pid!;
  const url = await waitFor(
    'the server to be ready',
    async () => {
      if (serve.child.exitCode !== null) throw new Error(`the server did not start:\n${serve.stderr()}`);
      const path = join(dataDirectory, 'server.json');
      const file = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8') || '{}') : {};
      return file.pid === pid && (await isReady(file.url)) && (file.url as string);
    },
    startMilliseconds,
  );
  return { ...serve, url, admin: createClient(url, adminSecret), children: () => childrenOf(pid) };
}

export async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`).catch(() => undefined);
  return response?.ok ?? false;
}

export function isAlive(pid: number): boolean {
  const status = statusOf(pid);
  return status !== undefined && !/^State:\s+Z/mu.test(status);
}

export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .map(Number)
    .filter((other) => new RegExp(`^PPid:\\s+${pid}$`, 'mu').test(statusOf(other) ?? ''));
}

export function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

function statusOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return undefined;
  }
}
