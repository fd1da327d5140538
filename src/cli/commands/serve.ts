import { once } from 'node:events';
import type { Command } from 'commander';
import { loadConfig } from '../../config.ts';
import type { RunningServer } from '../../server.ts';
import { Interrupted } from '../failure.ts';
import { addSettings, flagsOf, serverSettings } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

export function addServeCommand(program: Command, terminal: Terminal): void {
  addSettings(program.command('serve'), serverSettings)
    .description('run the service until Ctrl-C or SIGTERM; running work is then finished first')
    .action(async (options: Readonly<Record<string, unknown>>) => {
      const config = loadConfig(flagsOf(options, serverSettings), terminal.environment);
      const { startServer } = await import('../../server.ts');
      const server = await startServer(config);
      if (server.adminSecret) announceAdminKey(server.adminSecret, terminal);
      terminal.note(`Sluice answers at ${server.url}/graphql${config.graphiql ? ' (GraphiQL in a browser)' : ''}`);
      if (!terminal.interrupted.aborted) await once(terminal.interrupted, 'abort');
      terminal.note('Stopping: running work is finished first; once more to stop at once.');
      await stopServer(server, terminal);
      throw new Interrupted('stopped', 0);
    });
}

/** Finishes running work first, unless the user asks a second time. */
export async function stopServer(server: RunningServer, { insisted }: Pick<Terminal, 'insisted'>): Promise<void> {
  insisted.addEventListener('abort', () => void server.stop(), { once: true });
  await server.stop();
}

export function announceAdminKey(secret: string, terminal: Pick<Terminal, 'note' | 'out'>): void {
  terminal.note('The admin key of this installation, shown this once:');
  terminal.out(`${secret}\n`);
}
