import { rm } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../contracts/logger.ts';
import { StoreUnavailableError } from '../contracts/stores/store.ts';
import { compiledFile } from '../lib/compiled-file.ts';
import { retryWithBackoff } from '../lib/retry.ts';

export interface EmbeddedWorkerData {
  readonly databaseDirectory: string;
  readonly socket: string;
}
export type EmbeddedWorkerMessage = { readonly type: 'ready' };

/** How long closing may take before the thread is ended: what was answered is in the files already. */
const closeMilliseconds = 5_000;

/**
 * Runs the embedded database in a thread until disposed:
 *
 *     starting ─▶ serving ─▶ ended by itself ─▶ starting (again and again, until it serves)
 *
 * A thread that ends by itself (an engine that broke down, no memory left) takes its connections with it, and new ones are refused
 * until the next serves: statements fail meanwhile, none waits. Throws StoreUnavailableError where the first does not start.
 */
export async function runEmbeddedThread(data: EmbeddedWorkerData, log: Logger): Promise<AsyncDisposable> {
  const closing = new AbortController();
  let worker: Worker | undefined = await start();
  let restarting: Promise<void> | undefined;

  async function start(): Promise<Worker> {
    const started = await startWorker(data, closing.signal);
    started.on('error', (error) => log.error({ err: error }, 'the embedded database broke down'));
    started.once('exit', (code) => {
      worker = undefined;
      if (closing.signal.aborted) return;
      log.error({ code }, 'the thread of the embedded database ended and is started again');
      restarting = restart();
    });
    return started;
  }

  async function restart(): Promise<void> {
    const onRetry = (error: unknown) => log.error({ err: error }, 'the embedded database does not start again');
    try {
      worker = await retryWithBackoff(start, { signal: closing.signal, shouldRetry: () => true, onRetry });
      log.info({}, 'the embedded database serves again');
    } catch (error) {
      if (!closing.signal.aborted) throw error;
    }
  }

  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      await restarting;
      if (worker) await stopWorker(worker);
    },
  };
}

async function startWorker(data: EmbeddedWorkerData, signal: AbortSignal): Promise<Worker> {
  // A dead thread leaves its own behind.
  await rm(data.socket, { force: true });
  signal.throwIfAborted();
  const file = compiledFile(import.meta.url, 'embedded-worker');
  const worker = new Worker(file, { workerData: data, execArgv: [], name: 'sluice-database' });
  const giveUp = () => void worker.terminate();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    await ready(worker, data);
    return worker;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

function ready(worker: Worker, { databaseDirectory }: EmbeddedWorkerData): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(new StoreUnavailableError(`the embedded database in ${databaseDirectory} does not start`, { cause }));
    worker.once('message', () => {
      worker.off('error', fail);
      worker.off('exit', fail);
      resolve();
    });
    worker.once('error', fail);
    worker.once('exit', fail);
  });
}

async function stopWorker(worker: Worker): Promise<void> {
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.postMessage('close');
  const timer = setTimeout(() => void worker.terminate(), closeMilliseconds);
  await gone;
  clearTimeout(timer);
}
