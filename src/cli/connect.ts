import { type Environment, loadClientConfig, loadConfig } from '../config.ts';
import { connectToUrl } from './client.ts';
import type { Connection, ServerConnection } from './connection.ts';
import { Failure } from './failure.ts';
import { openInProcess } from './in-process.ts';
import { findRunningServer } from './server-file.ts';
import type { Terminal } from './terminal.ts';

/** The order in which commands look for the service; printed by --help. */
export const connectionOrder = `Where commands go: to the server that runs on the data directory, as its operator; else to SLUICE_URL with
SLUICE_API_KEY; else (keys, models, usage, migrate) this process opens the store itself. A --url or --api-key
that is given on the command line is always used.`;

/** The running server of the data directory, else SLUICE_URL, else the store itself. */
export async function connect(
  flags: Environment,
  terminal: Pick<Terminal, 'note' | 'environment'>,
): Promise<Connection> {
  const { environment } = terminal;
  return (await findServer(flags, environment)) ?? openInProcess(loadConfig(flags, environment), terminal);
}

/** For what only a running server can do. */
export async function connectToServer(flags: Environment, environment?: Environment): Promise<ServerConnection> {
  const connection = await findServer(flags, environment);
  if (connection) return connection;
  const { dataDirectory } = loadClientConfig(flags, environment);
  throw new Failure(
    `no server runs on the data directory ${dataDirectory}: start one with "sluice serve", or set SLUICE_URL and SLUICE_API_KEY`,
  );
}

async function findServer(flags: Environment, environment?: Environment): Promise<ServerConnection | undefined> {
  const { url, apiKey, dataDirectory } = loadClientConfig(flags, environment);
  const running = flags.SLUICE_URL === undefined ? await findRunningServer(dataDirectory) : undefined;
  if (running) {
    return connectToUrl({ url: running.url, apiKey: flags.SLUICE_API_KEY ?? running.operatorToken });
  }
  if (url === undefined) return undefined;
  if (apiKey === undefined) throw new Failure(`SLUICE_API_KEY is not set: ${url} needs an API key`);
  return connectToUrl({ url, apiKey });
}
