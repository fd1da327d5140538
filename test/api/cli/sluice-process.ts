import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { waitFor } from '../../kit/wait-for.ts';

export interface SluiceProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Waits until stdout holds the text. */
  prints(text: string | RegExp): Promise<void>;
  /** Waits for the end; the exit status. */
  ended(): Promise<number | null>;
}

/** The command line as it ships, or another script, in a process of its own, with nothing of this process's settings. */
export function startSluice(
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
  script = 'bin/sluice.mjs',
): SluiceProcess {
  const child = spawn(process.execPath, [...(script.endsWith('.ts') ? ['--import', 'tsx'] : []), script, ...argv], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const closed = once(child, 'close');
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    async prints(text) {
      const matches = () => (typeof text === 'string' ? stdout.includes(text) : text.test(stdout));
      await waitFor(`${text} on stdout`, () => matches() || hasEnded(), 60_000);
      if (!matches()) throw new Error(`ended with ${child.exitCode} before printing ${text}:\n${stdout}${stderr}`);
    },
    async ended() {
      await closed;
      return child.exitCode;
    },
    async [Symbol.asyncDispose]() {
      if (!hasEnded()) child.kill('SIGKILL');
      await closed;
    },
  };
}

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runSluice(
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Outcome> {
  await using command = startSluice(argv, environment);
  const status = await command.ended();
  return { status, stdout: command.stdout(), stderr: command.stderr() };
}
