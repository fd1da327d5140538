import type { Environment } from '../config.ts';

/** What a command has of the outside: its streams, the environment, and the signal that it is to end. */
export interface Terminal {
  /** Writes to stdout, as is. */
  out(text: string): void;
  /** Writes a line to stderr. */
  note(line: string): void;
  /** Whether a person reads stdout, rather than a file or a program. */
  readonly interactive: boolean;
  /** All of stdin; undefined where that is a keyboard. */
  readInput(): Promise<string | undefined>;
  /** Aborts on Ctrl-C and its like, with the exit status as the reason. */
  readonly interrupted: AbortSignal;
  /** Aborts when the user asks a second time. */
  readonly insisted: AbortSignal;
  /** Aborts when nobody reads stdout any more. */
  readonly outputClosed: AbortSignal;
  readonly environment?: Environment;
}

export interface ProcessTerminal extends Terminal, Disposable {}

// npm passes Ctrl-C on to a process that the terminal has told already.
const doubledMilliseconds = 500;
const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** The terminal of this process. The first signal asks the command to end, a second one to hurry, a third one ends the process. */
export function createProcessTerminal(): ProcessTerminal {
  const interrupted = new AbortController();
  const insisted = new AbortController();
  const outputClosed = new AbortController();
  let lastAskedAt = Number.NEGATIVE_INFINITY;
  const listeners = Object.entries(exitCodes).map(([signal, exitCode]) => {
    const listener = () => {
      if (performance.now() - lastAskedAt < doubledMilliseconds) return;
      lastAskedAt = performance.now();
      if (insisted.signal.aborted) process.exit(exitCode);
      (interrupted.signal.aborted ? insisted : interrupted).abort(exitCode);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  const onOutputError = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    outputClosed.abort();
  };
  process.stdout.on('error', onOutputError);
  process.stderr.on('error', onOutputError);
  return {
    out(text) {
      if (!outputClosed.signal.aborted) process.stdout.write(text);
    },
    note(line) {
      process.stderr.write(`${line}\n`);
    },
    interactive: process.stdout.isTTY === true,
    async readInput() {
      if (process.stdin.isTTY) return undefined;
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString('utf8');
    },
    interrupted: interrupted.signal,
    insisted: insisted.signal,
    outputClosed: outputClosed.signal,
    [Symbol.dispose]() {
      for (const remove of listeners) remove();
    },
  };
}
