import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { messageOf } from '../lib/message-of.ts';
import type { Log } from './log.ts';
import type { FromAnyChild } from './protocol.ts';

export interface ChildOptions<In> {
  readonly file: string;
  /** Node's own arguments, such as a loader that the file needs. */
  readonly execArgv?: readonly string[];
  /** For log lines: `engine starter/0`. */
  readonly label: string;
  readonly environment: Environment;
  /** A child that answers no ping for so long is killed. */
  readonly hangSeconds: number;
  /** One whose work does not move for so long is killed, too: a step of a large prompt may well take minutes. */
  readonly stallSeconds: number;
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

const beatsPerHang = 4;
/** Until it has said something, a child may be busy with starting. */
const patienceWithStarting = 6;
const longestDrainMilliseconds = 300;

/**
 * A process of ours behind a typed channel: its noise goes to the log, its hanging and its death are noticed. One that cannot be
 * started (no memory, no more processes or files) has no process id and ends right away.
 */
export function startChild<Out extends { type: string }, In extends { type: string }>(
  options: ChildOptions<In>,
): Child<Out> {
  const { label, log } = options;
  let child: ChildProcess;
  try {
    child = forkChild(options);
  } catch (error) {
    return childThatNeverWas(options.ended, Promise.resolve(error));
  }
  if (child.pid === undefined) {
    const failure = once(child, 'error').then(([error]: unknown[]) => error);
    return childThatNeverWas(options.ended, failure);
  }
  let killedBecause: string | undefined;

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
      const reason = killedBecause ?? how;
      if (!child.connected) return end(reason);
      // What it still said before it died is in the channel, and counts.
      child.on('disconnect', () => end(reason));
      setTimeout(end, longestDrainMilliseconds, reason).unref();
    });
    child.on('error', ignoreTheUnreachable);
  });

  // Counted in beats, not in time, so that a stall of this process is not blamed on the child.
  const beatSeconds = options.hangSeconds / beatsPerHang;
  let unanswered = 0;
  let unansweredAtMost = beatsPerHang * patienceWithStarting;
  let stalled = 0;
  let lastStep: number | undefined;

  function beat(): void {
    if (unanswered >= unansweredAtMost)
      killBecause(`answered nothing for ${unanswered * beatSeconds} s and was killed`);
    else if (stalled * beatSeconds >= options.stallSeconds) {
      killBecause(`made no progress for ${options.stallSeconds} s and was killed`);
    } else {
      unanswered += 1;
      send({ type: 'ping' });
    }
  }
  const heartbeat = setInterval(beat, beatSeconds * 1000);
  heartbeat.unref();

  function killBecause(reason: string): void {
    killedBecause = reason;
    child.kill('SIGKILL');
  }

  function noteProgress(step: number | undefined): void {
    stalled = step !== undefined && step === lastStep ? stalled + 1 : 0;
    lastStep = step;
  }

  child.on('message', (messages) => {
    unanswered = 0;
    unansweredAtMost = beatsPerHang;
    for (const message of messages as unknown as readonly (In | FromAnyChild)[]) {
      if (isFromAnyChild(message)) {
        if (message.type === 'pong') noteProgress(message.step);
        else log(message.level, `${label}: ${message.message}`);
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
    if (child.connected) child.send(messages as never, ignoreTheUnreachable);
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

function forkChild({ file, execArgv = [], environment }: ChildOptions<never>): ChildProcess {
  return fork(file, [String(process.pid)], {
    execArgv: [...execArgv],
    env: { ...childEnvironment(environment), UV_THREADPOOL_SIZE: '1' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'json',
  });
}

/** It ends as soon as its host can know of it. */
function childThatNeverWas<Out>(ended: (reason: string) => void, failure: Promise<unknown>): Child<Out> {
  const gone = failure.then((error) => {
    ended(`could not be started: ${messageOf(error)}`);
  });
  return { pid: undefined, send() {}, kill() {}, [Symbol.asyncDispose]: () => gone };
}

function isFromAnyChild(message: { readonly type: string }): message is FromAnyChild {
  return message.type === 'pong' || message.type === 'log';
}

function ignoreTheUnreachable(): void {
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
