import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { type Child, type Environment, startChild } from '../../../src/inference/child-process.ts';
import type { FromFixture, ToFixture } from './fixtures/child.ts';

const fixture = { file: fileURLToPath(new URL('fixtures/child.ts', import.meta.url)), execArgv: ['--import', 'tsx'] };

function start(changes: { hangSeconds?: number; stallSeconds?: number; environment?: Environment } = {}) {
  const said: FromFixture[] = [];
  const lines: string[] = [];
  const ends: string[] = [];
  const child: Child<ToFixture> = startChild<ToFixture, FromFixture>({
    ...fixture,
    label: 'fixture',
    environment: { ...process.env, SLUICE_SECRET: 'secret', DATABASE_URL: 'secret', KEPT: 'yes' },
    hangSeconds: 10,
    stallSeconds: 100,
    log: (level, line) => lines.push(`${level} ${line}`),
    receive: (message) => said.push(message),
    ended: (reason) => ends.push(reason),
    ...changes,
  });
  const until = (condition: () => void) => vi.waitFor(condition, { timeout: 15_000, interval: 10 });
  return { child, said, lines, ends, until, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

describe('child process', () => {
  it('sends what it prints and logs to the log, and nothing to the terminal', async () => {
    await using run = start();
    run.child.send({ type: 'say', text: 'hello' });
    await run.until(() =>
      expect(run.lines).toEqual(expect.arrayContaining(['warn fixture: printed hello', 'info fixture: logged hello'])),
    );
    expect(run.said).toEqual([{ type: 'said', text: 'hello' }]);
  });

  it('inherits the environment without our own settings and secrets', async () => {
    await using run = start();
    run.child.send({ type: 'environment' });
    await run.until(() => expect(run.said).toHaveLength(1));
    const [message] = run.said;
    const names = message?.type === 'environment' ? message.names : [];
    expect(names).toEqual(expect.arrayContaining(['KEPT', 'PATH', 'UV_THREADPOOL_SIZE']));
    expect(names.filter((name) => /SLUICE_SECRET|DATABASE_URL/.test(name))).toEqual([]);
  });

  it('ends once, with the reason, and after everything it said was heard', async () => {
    await using run = start();
    run.child.send({ type: 'exit', code: 7 });
    await run.until(() => expect(run.ends).toEqual(['exited with code 7']));
    expect(run.said).toEqual([{ type: 'said', text: 'last words' }]);
    run.child.send({ type: 'say', text: 'anybody?' });
    await run.child[Symbol.asyncDispose]();
    expect(run.ends).toHaveLength(1);
  });

  it('ignores the signals that a terminal sends to the whole group', async () => {
    await using run = start();
    run.child.send({ type: 'say', text: 'ready' });
    await run.until(() => expect(run.said).toHaveLength(1));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(run.child.pid!, signal);
    run.child.send({ type: 'say', text: 'still here' });
    await run.until(() => expect(run.said).toHaveLength(2));
    expect(run.ends).toEqual([]);
  });

  it('is killed when its event loop answers nothing', async () => {
    await using run = start({ hangSeconds: 1.2 });
    run.child.send({ type: 'say', text: 'ready' });
    await run.until(() => expect(run.said).toHaveLength(1));
    run.child.send({ type: 'block' });
    await run.until(() => expect(run.ends).toEqual(['answered nothing for 1.2 s and was killed']));
  });

  it('is killed when its work does not move, and only then', async () => {
    await using moving = start({ hangSeconds: 2, stallSeconds: 1 });
    await using stuck = start({ hangSeconds: 2, stallSeconds: 1 });
    moving.child.send({ type: 'work', moving: true });
    stuck.child.send({ type: 'work', moving: false });
    await stuck.until(() => expect(stuck.ends).toEqual(['made no progress for 1 s and was killed']));
    expect(moving.ends).toEqual([]);
  });

  it('that cannot be started ends with the reason, in a later turn', async () => {
    await using run = start({ environment: { TOO_LARGE: 'x'.repeat(200_000) } });
    expect(run.ends).toEqual([]);
    run.child.send({ type: 'say', text: 'anybody?' });
    run.child.kill();
    await run.until(() => expect(run.ends).toEqual(['could not be started: spawn E2BIG']));
    expect(run.child.pid).toBeUndefined();
  });

  it('that cannot be started for want of files ends with the reason', async () => {
    const script = fileURLToPath(new URL('fixtures/full-host.ts', import.meta.url));
    const command = `ulimit -n 64; exec '${process.execPath}' --import tsx '${script}'`;
    const { stdout } = await promisify(execFile)('sh', ['-c', command]);
    expect(stdout.trim().split('\n')).toEqual([
      'full',
      expect.stringMatching(/^could not be started: spawn \S+ EMFILE$/u),
      'disposed undefined',
    ]);
  });

  it('is gone within seconds of its host, even with its event loop blocked', async () => {
    const script = fileURLToPath(new URL('fixtures/host.ts', import.meta.url));
    const host = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface({ input: host.stdout }), 'line')) as [string];
    host.kill('SIGKILL');
    await vi.waitFor(() => expect(() => process.kill(Number(line), 0)).toThrow('ESRCH'), {
      timeout: 5_000,
      interval: 20,
    });
  });
});
