import type { Command } from 'commander';
import { loadConfig } from '../../config.ts';
import { findRunningServer } from '../server-file.ts';
import { addSettings, flagsOf, storeSettings } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

export function addMigrateCommand(program: Command, terminal: Terminal): void {
  addSettings(program.command('migrate'), storeSettings)
    .description('bring the database to the schema of this version, as the server does when it starts')
    .action(async (options: Readonly<Record<string, unknown>>) => {
      const config = loadConfig(flagsOf(options, storeSettings), terminal.environment);
      const running = config.databaseUrl === undefined ? await findRunningServer(config.dataDirectory) : undefined;
      if (running) {
        terminal.out(
          `The server at ${running.url} has the database open, and brought it up to date when it started.\n`,
        );
        return;
      }
      const { migrate } = await import('../../app.ts');
      const applied = await migrate(config);
      terminal.out(applied.length === 0 ? 'The database is up to date.\n' : `Applied: ${applied.join(', ')}\n`);
    });
}
