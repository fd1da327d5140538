import { Worker } from 'node:worker_threads';
import type { Log } from '../log.ts';

/** A child's end of the channel to its host. */
export interface ParentLink<Out> {
  /** Messages of one turn of the event loop travel together. */
  send(message: Out): void;
  readonly log: Log;
}

interface Ping {
  readonly type: 'ping';
}

/**
 * Joins this process to the host that forked it. The process lives exactly as long as its host: it goes at once when the channel
 * closes, and a watching thread ends it within seconds even if its event loop is blocked. Signals that a
 * terminal or a supervisor sends to the whole group are the host's to answer.
 */
export function connectToParent<In extends { readonly type: string }, Out extends { readonly type: string }>(
  receive: (message: Exclude<In, Ping>) => void,
  step: () => number | undefined = () => undefined,
): ParentLink<Out> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.on('disconnect', endNow);
  watchParent();

  let outgoing: unknown[] = [];
  function send(message: unknown): void {
    if (outgoing.push(message) === 1) setImmediate(flush);
  }
  function flush(): void {
    const messages = outgoing;
    outgoing = [];
    if (process.connected) process.send?.(messages, undefined, undefined, (error) => error && endNow());
  }

  process.on('message', (messages: readonly In[]) => {
    for (const message of messages) {
      if (message.type === 'ping') send({ type: 'pong', step: step() });
      else receive(message as Exclude<In, Ping>);
    }
  });
  return { send, log: (level, message) => send({ type: 'log', level, message }) };
}

/** Without unwinding: native threads may be at work, and there is nothing to save. */
function endNow(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** The host says who it is: asked here, a host that has died meanwhile would be taken for its successor. */
function watchParent(): void {
  const watcher = new Worker(
    `const { workerData: parent } = require('node:worker_threads');
     setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 1000);`,
    { eval: true, execArgv: [], workerData: Number(process.argv[2]) },
  );
  watcher.unref();
}
