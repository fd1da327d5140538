import type { Command } from 'commander';
import { loadConfig } from '../../config.ts';
import { addSettings, flagsOf, storeSettings } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

export function addSecretCommand(program: Command, terminal: Terminal): void {
  const secret = program.command('secret').description('the secret that API keys are hashed with');
  addSettings(secret.command('rotate'), storeSettings)
    .description('make another secret in the data directory, for the next start; API keys stay as they are')
    .action(async (options: Readonly<Record<string, unknown>>) => {
      const config = loadConfig(flagsOf(options, storeSettings), terminal.environment);
      const { rotateSecret } = await import('../../app.ts');
      const { previous } = await rotateSecret(config);
      terminal.out(
        `Made another secret. Restart the server: each key moves to it when it is used. Once "sluice keys list" shows\nall of them as used since, remove ${previous} and restart.\n`,
      );
    });
}
