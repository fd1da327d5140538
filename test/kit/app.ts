import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, loadConfig } from '../../src/config.ts';
import type { Inference } from '../../src/contracts/inference.ts';
import type { Logger } from '../../src/contracts/logger.ts';
import { type RunningServer, startServer } from '../../src/server.ts';
import { type Client, createClient } from './client.ts';
import { temporaryDataDirectory } from './database.ts';

export interface StartAppOptions {
  /** The scripted engine, for tests of our own logic; llama.cpp with the starter model where absent. */
  readonly inference?: Inference;
  /** sluice.config.json, as its file would say it. */
  readonly config?: object;
  /** Environment variables of the server. */
  readonly environment?: Readonly<Record<string, string>>;
  /** An existing one, which is then kept. */
  readonly dataDirectory?: string;
}

export interface TestApp extends AsyncDisposable {
  readonly url: string;
  readonly config: Config;
  readonly server: RunningServer;
  readonly adminSecret: string;
  /** Acts with the admin key. */
  readonly admin: Client;
  /** Acts with a new key of its own; by default one that may complete. */
  newClient(input?: object): Promise<Client>;
  /** Everything that was logged. */
  readonly logs: readonly LogLine[];
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

/** A whole server in this process: real sockets on a free loopback port, a real database in a folder of its own. */
export async function startApp(options: StartAppOptions = {}): Promise<TestApp> {
  const ownDirectory = options.dataDirectory === undefined ? await temporaryDataDirectory() : undefined;
  const dataDirectory = options.dataDirectory ?? ownDirectory!.path;
  const logs: LogLine[] = [];
  const environment: Record<string, string> = {
    SLUICE_PORT: '0',
    SLUICE_DATA_DIR: dataDirectory,
    ...options.environment,
  };
  if (options.config) {
    environment.SLUICE_CONFIG = join(dataDirectory, 'sluice.config.json');
    await writeFile(environment.SLUICE_CONFIG, JSON.stringify(options.config));
  }
  const config = loadConfig({}, { ...engineEnvironment(), ...environment });
  const { inference } = options;
  const server = await startServer(config, { logger: recorder(logs), ...(inference ? { inference } : {}) });
  const adminSecret = server.adminSecret ?? options.environment?.SLUICE_ADMIN_KEY ?? '';
  const admin = createClient(server.url, adminSecret);

  return {
    url: server.url,
    config,
    server,
    adminSecret,
    admin,
    logs,
    async newClient(input = {}) {
      const { createApiKey } = await admin.execute<{ createApiKey: { secret: string } }>(
        `mutation ($input: CreateApiKeyInput!) {
          createApiKey(input: $input) { ... on CreateApiKeyPayload { secret } ... on UserError { code message } }
        }`,
        { input: { name: 'test', scopes: ['COMPLETIONS'], ...input } },
      );
      return createClient(server.url, createApiKey.secret);
    },
    async [Symbol.asyncDispose]() {
      const stopped = server.stop();
      void server.stop(); // The second call ends what still runs.
      await stopped;
      await ownDirectory?.[Symbol.asyncDispose]();
    },
  };
}

/** What an engine process needs of the machine. */
function engineEnvironment(): Record<string, string | undefined> {
  return { PATH: process.env.PATH, HOME: process.env.HOME, LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH };
}

function recorder(lines: LogLine[]): Logger {
  const at = (level: LogLine['level']) => (fields: object, message: string) =>
    void lines.push({ level, fields, message });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
