import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

test('before the first build, sluice says what to run', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-bin-'));
  try {
    await cp('bin', join(directory, 'bin'), { recursive: true });
    const run = spawnSync(process.execPath, [join(directory, 'bin/sluice.mjs'), 'serve'], { encoding: 'utf8' });
    expect(run.status).toBe(1);
    expect(run.stderr).toBe('error: Sluice is not built yet: run "npm run build" first\n');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('before the packages are installed, the build says what to run', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-bin-'));
  try {
    await cp('bin', join(directory, 'bin'), { recursive: true });
    const run = spawnSync(process.execPath, [join(directory, 'bin/build.mjs')], { encoding: 'utf8' });
    expect(run.status).toBe(1);
    expect(run.stderr).toBe('error: prisma is not installed: run "npm ci" first (with the development dependencies)\n');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
