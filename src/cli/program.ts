import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { ConfigError, packageDirectory } from '../config.ts';
import { DomainError } from '../contracts/errors.ts';
import { addCompleteCommand } from './commands/complete.ts';
import { addConfigCommand } from './commands/config.ts';
import { addKeysCommand } from './commands/keys.ts';
import { addMigrateCommand } from './commands/migrate.ts';
import { addModelsCommand } from './commands/models.ts';
import { addSecretCommand } from './commands/secret.ts';
import { addServeCommand } from './commands/serve.ts';
import { addUsageCommand } from './commands/usage.ts';
import { connectionOrder } from './connect.ts';
import { Failure, Interrupted, rootMessage } from './failure.ts';
import { plainText } from './plain-text.ts';
import type { Terminal } from './terminal.ts';

/** Runs one command line (without node and the script's name) and answers the exit status. */
export async function runCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await createProgram(terminal).parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    return report(error, terminal);
  }
}

function createProgram(terminal: Terminal): Command {
  const program = new Command('sluice')
    .description('Opens locally run language models as a GraphQL API service.')
    .version(packageVersion())
    .configureOutput({ writeOut: terminal.out, writeErr: (text) => terminal.note(text.trimEnd()) })
    .showHelpAfterError('(add --help for what there is)')
    .addHelpText(
      'after',
      `\n${connectionOrder}\n\nEvery setting is an environment variable too; "sluice COMMAND --help" names them.`,
    )
    .exitOverride();
  addServeCommand(program, terminal);
  addKeysCommand(program, terminal);
  addModelsCommand(program, terminal);
  addUsageCommand(program, terminal);
  addCompleteCommand(program, terminal);
  addMigrateCommand(program, terminal);
  addSecretCommand(program, terminal);
  addConfigCommand(program, terminal);
  return program;
}

/** Says on stderr what ended a command; answers the exit status. */
export function report(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode;
  if (error instanceof Interrupted) {
    if (!terminal.outputClosed.aborted) terminal.note(error.message);
    return error.exitCode;
  }
  terminal.note(`error: ${plainText(messageOf(error)).replace(/\s*\n\s*/gu, ' ')}`);
  return error instanceof Failure ? error.exitCode : 1;
}

function messageOf(error: unknown): string {
  if (error instanceof Failure || error instanceof ConfigError || error instanceof DomainError) return error.message;
  const { name, message, code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (name === 'AddressInUseError') return `${message}: choose another port with --port, or 0 for any free one`;
  if (code === 'EACCES' && port !== undefined) return `port ${port} needs rights that you lack: choose one above 1023`;
  return rootMessage(error);
}

function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(join(packageDirectory, 'package.json'), 'utf8')) as { version: string };
  return manifest.version;
}
