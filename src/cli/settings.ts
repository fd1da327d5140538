import { type Command, Option } from 'commander';
import type { Environment } from '../config.ts';

interface Setting {
  readonly variable: string;
  readonly flag: string;
  readonly description: string;
}

const dataDirectory: Setting = {
  variable: 'SLUICE_DATA_DIR',
  flag: '--data-dir <directory>',
  description: 'where the service keeps its data (default: .sluice)',
};

/** What opening the store takes. */
export const storeSettings: readonly Setting[] = [
  dataDirectory,
  {
    variable: 'DATABASE_URL',
    flag: '--database-url <url>',
    description: 'PostgreSQL instead of the embedded database',
  },
  {
    variable: 'SLUICE_CONFIG',
    flag: '--config <file>',
    description: 'path of sluice.config.json (default: the starter model)',
  },
  {
    variable: 'SLUICE_SECRET',
    flag: '--secret <secret>',
    description: 'what API keys are hashed with (default: made on the first start)',
  },
  {
    variable: 'SLUICE_PREVIOUS_SECRET',
    flag: '--previous-secret <secret>',
    description: 'the secret before, while it is replaced: keys that are hashed with it go on',
  },
];

export const serverSettings: readonly Setting[] = [
  { variable: 'SLUICE_HOST', flag: '--host <host>', description: 'address to listen on (default: 127.0.0.1)' },
  {
    variable: 'SLUICE_PORT',
    flag: '--port <port>',
    description: 'port to listen on, 0 for any free one (default: 4000)',
  },
  ...storeSettings,
  {
    variable: 'SLUICE_ADMIN_KEY',
    flag: '--admin-key <key>',
    description: 'the admin key to have instead of a generated one',
  },
  {
    variable: 'SLUICE_ALLOWED_ORIGINS',
    flag: '--allowed-origins <origins>',
    description: 'web origins that may call, separated by commas (default: none)',
  },
  {
    variable: 'SLUICE_GRAPHIQL',
    flag: '--graphiql <on|off>',
    description: 'the GraphiQL page (default: on where only this machine can reach it)',
  },
  {
    variable: 'SLUICE_LOG_LEVEL',
    flag: '--log-level <level>',
    description: 'trace, debug, info, warn, error or silent (default: info)',
  },
];

export const clientSettings: readonly Setting[] = [
  {
    variable: 'SLUICE_URL',
    flag: '--url <url>',
    description: 'the server to talk to when none runs on the data directory',
  },
  { variable: 'SLUICE_API_KEY', flag: '--api-key <key>', description: 'the API key for that server' },
  dataDirectory,
];

/** For commands that go to a server, or to the store where none runs. */
export const administrationSettings: readonly Setting[] = [...clientSettings, ...storeSettings.slice(1)];

/** Gives the command a flag for each setting; the environment variable of the same name counts where it is not given. */
export function addSettings(command: Command, settings: readonly Setting[]): Command {
  for (const { variable, flag, description } of settings) {
    command.addOption(new Option(flag, `${description} [${variable}]`).helpGroup('Settings:'));
  }
  return command;
}

/** The settings given as flags, by the names of their variables. */
export function flagsOf(options: Readonly<Record<string, unknown>>, settings: readonly Setting[]): Environment {
  const entries = settings.flatMap(({ variable, flag }) => {
    const value = options[new Option(flag).attributeName()];
    return typeof value === 'string' ? [[variable, value]] : [];
  });
  return Object.fromEntries(entries) as Environment;
}
