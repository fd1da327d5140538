import { fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { SiblingEntry } from '../lib/sibling-entry.ts';
import type { FromAnyChild, Log } from './protocol.ts';

export interface ChildOptions<In> {
  readonly entry: SiblingEntry;
  /** For log lines: `engine starter/0`. */
  readonly label: string;
  readonly environment: Environment;
  /** A child that answers no ping for so long is killed. */
  readonly hangSeconds: number;
  readonly log: Log;
  readonly receive: (message: Exclude<In, FromAnyChild>) => void;
  /** Called once, when the process is gone, for whatever reason. */
  readonly ended: (reason: string) => void;
}

/** The variables that child processes inherit, without our own settings and secrets. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Child<Out> extends AsyncDisposable {
  readonly pid: number | undefined;
  /** Messages of one turn of the event loop travel together; those to a process that is gone are dropped. */
  send(message: Out): void;
  kill(): void;
}

const pingsPerHang = 4;
const longestDrainMilliseconds = 300;

/** A process of ours behind a typed channel: its noise goes to the log, its hanging and its death are noticed. */
export function startChild<Out extends { type: string }, In extends { type: string }>(
  options: ChildOptions<In>,
): Child<Out> {
  const { entry, label, log } = options;
  const child = fork(entry.file, [], {
    execArgv: [...entry.execArgv],
    env: { ...childEnvironment(options.environment), UV_THREADPOOL_SIZE: '1' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'json',
  });
  let hung = false;

  const gone = new Promise<void>((resolve) => {
    let over = false;
    function end(reason: string): void {
      if (over) return;
      over = true;
      clearInterval(heartbeat);
      child.removeAllListeners('message');
      options.ended(reason);
      resolve();
    }
    child.on('exit', (code, signal) => {
      const how = signal === null ? `exited with code ${code}` : `died of ${signal}`;
      const reason = hung ? `answered nothing for ${options.hangSeconds} s and was killed` : how;
      if (!child.connected) return end(reason);
      // What it still said before it died is in the channel, and counts.
      child.on('disconnect', () => end(reason));
      setTimeout(end, longestDrainMilliseconds, reason).unref();
    });
    child.on('error', (error) => {
      if (child.pid === undefined) end(`could not be started: ${error.message}`);
    });
  });

  let unanswered = 0;
  // Counted in beats, not in time, so that a stall of this process is not blamed on the child.
  const heartbeat = setInterval(
    () => {
      if (unanswered >= pingsPerHang) {
        hung = true;
        child.kill('SIGKILL');
        return;
      }
      unanswered++;
      send({ type: 'ping' });
    },
    (options.hangSeconds * 1000) / pingsPerHang,
  );
  heartbeat.unref();

  child.on('message', (messages) => {
    unanswered = 0;
    for (const message of messages as unknown as readonly In[]) {
      if (message.type === 'pong') continue;
      if (message.type === 'log') {
        const line = message as unknown as Extract<FromAnyChild, { type: 'log' }>;
        log(line.level, `${label}: ${line.message}`);
      } else options.receive(message as Exclude<In, FromAnyChild>);
    }
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) forwardLines(stream, (line) => log('warn', `${label}: ${line}`));
  }

  let outgoing: unknown[] = [];
  function send(message: unknown): void {
    if (outgoing.push(message) === 1) queueMicrotask(flush);
  }
  function flush(): void {
    const messages = outgoing;
    outgoing = [];
    if (child.connected) child.send(messages as never, ignoreClosedChannel);
  }

  return {
    get pid() {
      return child.pid;
    },
    send,
    kill: () => void child.kill('SIGKILL'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function ignoreClosedChannel(): void {
  // The exit that follows is what counts.
}

function forwardLines(stream: Readable, log: (line: string) => void): void {
  createInterface({ input: stream }).on('line', (line) => line.trim() !== '' && log(line));
}

function childEnvironment(environment: Environment): Record<string, string> {
  const kept = Object.entries(environment).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !/^SLUICE_|^DATABASE_URL$|^REDIS_URL$/.test(entry[0]),
  );
  return Object.fromEntries(kept);
}
