import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { complete } from '../../kit/completions.ts';
import { temporaryDataDirectory } from '../../kit/database.ts';
import { commandLineOf, newAdminSecret, startServerProcess } from '../../kit/server-process.ts';
import { printTable } from '../table.ts';

/** What a server takes of the processor while nobody asks: with its model loaded, and one completion behind it. Linux only. */
export async function benchIdle(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...argv], options: { seconds: { type: 'string', default: '30' } } });
  const seconds = Number(values.seconds);
  await using directory = await temporaryDataDirectory();
  await using server = await startServerProcess({
    dataDirectory: directory.path,
    adminSecret: newAdminSecret(),
  });
  await complete(server.admin, { model: 'default', prompt: 'Once upon a time', maxTokens: 20 });
  await delay(settleMilliseconds);
  const pids = [server.child.pid!, ...server.children()];
  const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const before = pids.map((pid) => processorSeconds(pid, ticksPerSecond));
  await delay(seconds * 1_000);
  const taken = pids.map((pid, i) => processorSeconds(pid, ticksPerSecond) - before[i]!);
  const row = (name: string, processor: number) => [
    name,
    processor.toFixed(2),
    `${((processor / seconds) * 100).toFixed(2)} %`,
  ];
  printTable(
    `idle for ${seconds} s`,
    ['process', 'processor seconds', 'of one core'],
    [
      ...pids.map((pid, i) => row(i === 0 ? 'server' : nameOf(pid), taken[i]!)),
      row(
        'together',
        taken.reduce((sum, processor) => sum + processor, 0),
      ),
    ],
  );
}

const settleMilliseconds = 5_000;

function nameOf(pid: number): string {
  return /inference\/(\w+)\/main/u.exec(commandLineOf(pid))?.[1] ?? 'other';
}

/** Of all its threads, in user and kernel mode. */
function processorSeconds(pid: number, ticksPerSecond: number): number {
  // The second field is a name in parentheses, which may hold anything.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /su, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
