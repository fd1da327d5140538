import type { TestProject } from 'vitest/node';
import { loadConfig } from '../../src/config.ts';
import { silentLogger } from '../../src/logger.ts';
import { startServer } from '../../src/server.ts';
import { temporaryDataDirectory } from '../kit/database.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** One running service with the starter model for all black-box tests of the project. */
    openaiService: { readonly url: string; readonly adminSecret: string };
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await temporaryDataDirectory();
  const dataDirectory = directory.path;
  const environment = { ...process.env, SLUICE_PORT: '0', SLUICE_DATA_DIR: dataDirectory };
  const server = await startServer(loadConfig({}, environment), { logger: silentLogger });
  project.provide('openaiService', { url: server.url, adminSecret: server.adminSecret! });
  return async () => {
    const stopped = server.stop();
    void server.stop(); // The second call ends what still runs.
    await stopped;
    await directory[Symbol.asyncDispose]();
  };
}
