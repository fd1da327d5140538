import { defineConfig } from 'vitest/config';
import { build } from './bin/build-steps.mjs';
import { createProgress } from './bin/progress.mjs';

// What runs in processes and threads of its own runs compiled.
await build(createProgress());

const project = (name: string, include: string[], testTimeout: number, globalSetup: string[] = []) => ({
  extends: true as const,
  test: { name, include, testTimeout, hookTimeout: testTimeout, globalSetup },
});

export default defineConfig({
  // Node gives everyone the CommonJS build; Vite alone would pick the other one for our files, and two realms do not mix.
  resolve: { alias: [{ find: /^graphql$/u, replacement: 'graphql/index.js' }] },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      project('unit', ['test/unit/**/*.test.ts', 'test/*.test.ts'], 60_000),
      project('contract', ['test/contract/**/*.test.ts'], 60_000),
      project('api', ['test/api/**/*.test.ts'], 60_000),
      project('openai', ['test/openai/**/*.test.ts'], 120_000, ['test/openai/start-service.ts']),
      project('faults', ['test/faults/**/*.test.ts'], 120_000),
      project('clients', ['test/clients/**/*.test.ts'], 60_000, ['test/clients/start-service.ts']),
      project('browser', ['test/browser/**/*.test.ts'], 120_000),
      project('model', ['test/model/**/*.test.ts'], 120_000),
    ],
  },
});
