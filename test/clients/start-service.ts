import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { loadConfig } from '../../src/config.ts';
import { silentLogger } from '../../src/logger.ts';
import { startServer } from '../../src/server.ts';
import { temporaryDataDirectory } from '../kit/database.ts';
import { starterModel } from '../kit/models.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** One running service for all tests of the project: they know no more of it than any client does. */
    service: { readonly url: string; readonly adminSecret: string };
  }
}

const models = [
  {
    name: 'starter',
    source: `file:${starterModel.path}`,
    aliases: ['default'],
    contextSize: 1024,
    threads: 1,
    price: { promptPerMillion: 1, completionPerMillion: 2 },
  },
];

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await temporaryDataDirectory();
  const dataDirectory = directory.path;
  const configFile = join(dataDirectory, 'sluice.config.json');
  await writeFile(configFile, JSON.stringify({ models }));
  const config = loadConfig(
    {},
    {
      ...process.env,
      SLUICE_PORT: '0',
      SLUICE_DATA_DIR: dataDirectory,
      SLUICE_CONFIG: configFile,
    },
  );
  const server = await startServer(config, { logger: silentLogger });
  project.provide('service', { url: server.url, adminSecret: server.adminSecret! });
  return async () => {
    const stopped = server.stop();
    void server.stop(); // The second call ends what still runs.
    await stopped;
    await directory[Symbol.asyncDispose]();
  };
}
