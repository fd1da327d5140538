import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

// `prisma generate` insists on a schema engine binary that it then does not use, and would download one. Naming any executable
// keeps it from that, so that generating needs no network. Silent unless it fails.
const prisma = createRequire(import.meta.url).resolve('prisma/build/index.js');
const config = fileURLToPath(new URL('prisma.config.ts', import.meta.url));
const run = spawnSync(process.execPath, [prisma, 'generate', '--no-hints', '--config', config], {
  encoding: 'utf8',
  env: {
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    ...process.env,
  },
});
if (run.status !== 0) {
  process.stderr.write(run.stdout + run.stderr + (run.error ? `${run.error.message}\n` : ''));
  process.exitCode = 1;
}
