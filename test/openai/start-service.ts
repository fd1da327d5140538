import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { loadConfig } from '../../src/config.ts';
import { silentLogger } from '../../src/logger.ts';
import { startServer } from '../../src/server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** One running service with the starter model for all black-box tests of the project. */
    openaiService: { readonly url: string; readonly adminSecret: string };
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'sluice-openai-'));
  const environment = { ...process.env, SLUICE_PORT: '0', SLUICE_DATA_DIR: dataDirectory };
  const server = await startServer(loadConfig({}, environment), { logger: silentLogger });
  project.provide('openaiService', { url: server.url, adminSecret: server.adminSecret! });
  return async () => {
    const stopped = server.stop();
    void server.stop(); // The second call ends what still runs.
    await stopped;
    await rm(dataDirectory, { recursive: true, force: true });
  };
}
