import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { createDisposer } from '../../../src/lib/disposer.ts';
import type { Client } from '../../kit/client.ts';
import { temporaryDataDirectory } from '../../kit/database.ts';
import { newAdminSecret, startServerProcess } from '../../kit/server-process.ts';
import { waitFor } from '../../kit/wait-for.ts';

export interface ModelSettings {
  readonly modelPath: string;
  /** Of one sequence. */
  readonly contextSize: number;
  readonly sequences: number;
  readonly threads: number | 'auto';
}

/** What the service chooses by itself, the reference has to be told. */
export type ReferenceSettings = ModelSettings & { readonly threads: number; readonly flashAttention: 'on' | 'off' };

export interface SluiceServer extends AsyncDisposable {
  readonly url: string;
  readonly adminSecret: string;
  readonly admin: Client;
}

/** The service as it is shipped, with its embedded database and one model. */
export async function startSluiceServer(
  { modelPath, ...settings }: ModelSettings,
  queueSeconds = 3_600,
): Promise<SluiceServer> {
  await using opened = createDisposer();
  const directory = opened.use(await temporaryDataDirectory());
  const config = join(directory.path, 'sluice.config.json');
  const model = { name: 'bench', source: `file:${resolve(modelPath)}`, ...settings, gpuLayers: 0 };
  await writeFile(config, JSON.stringify({ models: [model], limits: { queueSeconds } }));
  const adminSecret = newAdminSecret();
  const { url, admin } = opened.use(
    await startServerProcess({
      dataDirectory: directory.path,
      adminSecret,
      environment: { SLUICE_CONFIG: config },
    }),
  );
  const owned = opened.move();
  return { url, adminSecret, admin, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() };
}

/** llama.cpp's own server, with the same sequences, threads, batch, attention and cache types. */
export async function startLlamaServer(
  binary: string,
  { modelPath, contextSize, sequences, threads, flashAttention }: ReferenceSettings,
): Promise<AsyncDisposable & { readonly url: string }> {
  const port = await freePort();
  const options = {
    '--model': modelPath,
    '--host': '127.0.0.1',
    '--port': port,
    '--parallel': sequences,
    '--ctx-size': sequences * contextSize,
    '--threads': threads,
    '--threads-batch': threads,
    '--batch-size': 512,
    '--ubatch-size': 512,
    '--flash-attn': flashAttention,
    '--n-gpu-layers': 0,
    '--cache-ram': 0,
  };
  const child: ChildProcess = spawn(binary, Object.entries(options).flat().map(String), {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const exited = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  await waitFor(
    'llama-server to be ready',
    async () => {
      const { exitCode, signalCode } = child;
      if (exitCode !== null || signalCode) throw new Error(`llama-server ended with ${signalCode ?? exitCode}`);
      return (await fetch(`${url}/health`).catch(() => undefined))?.ok ?? false;
    },
    120_000,
  );
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill();
      await exited;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
