import { mkdir, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../contracts/logger.ts';
import { StoreUnavailableError } from '../contracts/stores/store.ts';
import { compiledFile } from '../lib/compiled-file.ts';
import { lockDirectory } from './directory-lock.ts';
import { socketFolder } from './socket-folder.ts';

export interface EmbeddedWorkerData {
  readonly databaseDirectory: string;
  readonly socket: string;
}
export type EmbeddedWorkerMessage = { readonly type: 'ready' };

export interface EmbeddedDatabase extends AsyncDisposable {
  /** The folder and port by which PostgreSQL clients name the socket. */
  readonly host: string;
  readonly port: number;
}

/** How long closing may take before the thread is ended: what was answered is in the files already. */
const closeMilliseconds = 5_000;

/**
 * PGlite over `<data directory>/database`, in a thread of its own so that queries never hold up the event loop. It takes one
 * connection. One process has a directory at a time: two would silently lose each other's rows.
 */
export async function openEmbeddedDatabase(dataDirectory: string, log: Logger): Promise<EmbeddedDatabase> {
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const directory = await realpath(dataDirectory);
  const folder = await socketFolder(directory);
  const lock = await lockDirectory(directory, folder);
  try {
    const port = 5432;
    const socket = path.join(folder, `.s.PGSQL.${port}`);
    await rm(socket, { force: true });
    const worker = await startWorker({ databaseDirectory: path.join(directory, 'database'), socket });
    let closing = false;
    worker.on('error', (error) => log.error({ err: error }, 'the embedded database broke down'));
    worker.once('exit', (code) => {
      if (!closing) log.error({ code }, 'the thread of the embedded database ended');
    });
    return {
      host: folder,
      port,
      async [Symbol.asyncDispose]() {
        closing = true;
        await stopWorker(worker);
        await lock[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

function startWorker(workerData: EmbeddedWorkerData): Promise<Worker> {
  const file = compiledFile(import.meta.url, 'embedded-worker');
  const worker = new Worker(file, { workerData, execArgv: [], name: 'sluice-database' });
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(
        new StoreUnavailableError(`the embedded database in ${workerData.databaseDirectory} does not start`, { cause }),
      );
    worker.once('message', () => {
      worker.off('error', fail);
      worker.off('exit', fail);
      resolve(worker);
    });
    worker.once('error', fail);
    worker.once('exit', fail);
  });
}

async function stopWorker(worker: Worker): Promise<void> {
  if (worker.threadId === -1) return;
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.postMessage('close');
  const timer = setTimeout(() => void worker.terminate(), closeMilliseconds);
  await gone;
  clearTimeout(timer);
}
