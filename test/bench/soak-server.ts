import { type Config, loadConfig } from '../../src/config.ts';
import { createScriptedInference } from '../../src/inference/scripted.ts';
import { silentLogger } from '../../src/logger.ts';
import { startServer } from '../../src/server.ts';

/** What a server under soak tells of itself, after a garbage collection. */
export interface Measurement {
  readonly heapBytes: number;
  readonly residentBytes: number;
  /** Kinds of what keeps the process busy (sockets, timers, …), and how many of each. */
  readonly resources: Readonly<Record<string, number>>;
  readonly largestBufferedBytes: number;
  /** Of what was written to the connections that are open, what the operating system has taken. */
  readonly takenBytes: number;
}

export type FromServer =
  | { readonly type: 'ready'; readonly url: string; readonly adminSecret: string }
  | { readonly type: 'measured'; readonly measurement: Measurement };
export type ToServer = { readonly type: 'measure' } | { readonly type: 'stop' };

/** A node of its own, told what to do by its parent: with the scripted engine where SOAK_ENGINE says so. */
const config: Config = loadConfig();
const words = (prompt: string) => (/^words (\d+)/u.exec(prompt) ? longText(Number(prompt.split(' ')[1])) : prompt);
const inference = createScriptedInference([{ name: 'scripted', slots: 16, contextSize: 1_000_000, reply: words }]);
const server = await startServer(config, {
  logger: silentLogger,
  ...(process.env.SOAK_ENGINE === 'scripted' ? { inference } : {}),
});
const collectGarbage = (globalThis as { gc?: () => void }).gc!;
const { Socket } = await import('node:net');

function longText(count: number): string {
  return Array.from({ length: count }, (_, i) => `fifteen-chars${i % 100} `).join('');
}

function tell(message: FromServer): void {
  process.send!(message);
}

function measure(): Measurement {
  collectGarbage();
  const { heapUsed, rss } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
  const sockets = openSockets();
  return {
    heapBytes: heapUsed,
    residentBytes: rss,
    resources,
    largestBufferedBytes: Math.max(0, ...sockets.map(({ writableLength }) => writableLength)),
    takenBytes: sockets.reduce((sum, { bytesWritten, writableLength }) => sum + bytesWritten - writableLength, 0),
  };
}

function openSockets(): InstanceType<typeof Socket>[] {
  const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles();
  // Those of clients: the database is behind a Unix socket.
  return handles.filter((handle) => handle instanceof Socket && handle.remotePort !== undefined) as InstanceType<
    typeof Socket
  >[];
}

process.on('message', (message: ToServer) => {
  switch (message.type) {
    case 'measure':
      return tell({ type: 'measured', measurement: measure() });
    case 'stop':
      void server.stop().then(() => process.exit(0));
      void server.stop();
      return;
    default:
      message satisfies never;
  }
});
process.on('disconnect', () => process.exit(1));
tell({ type: 'ready', url: server.url, adminSecret: server.adminSecret ?? '' });
