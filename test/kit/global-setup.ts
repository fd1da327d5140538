import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A data directory with a migrated database and nothing else, to be copied: making one takes seconds. */
    dataDirectoryTemplate: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'sluice-template-'));
  await migrate(loadConfig({}, { SLUICE_DATA_DIR: dataDirectory }));
  project.provide('dataDirectoryTemplate', dataDirectory);
  return () => rm(dataDirectory, { recursive: true, force: true });
}
