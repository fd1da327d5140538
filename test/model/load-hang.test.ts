import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openEngine } from '../../src/inference/llama/open-engine.ts';
import { defaultTiming } from '../../src/inference/pool-timing.ts';
import { createReplica } from '../../src/inference/replica.ts';
import { forever } from '../kit/generate.ts';
import { starterModel } from '../kit/models.ts';

it.skipIf(process.platform === 'win32')('a load that comes no further is ended, as a crash', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-load-'));
  // Nobody ever writes: whoever opens it for reading waits, as on a file system whose server is gone.
  const modelPath = join(directory, 'endless.gguf');
  execFileSync('mkfifo', [modelPath]);
  const lines: string[] = [];
  await using replica = createReplica({
    label: 'engine m/0',
    environment: process.env,
    log: (_level, line) => lines.push(line),
    timing: { ...defaultTiming, stallSeconds: 3, crashes: 1 },
    settings: async () => ({ modelPath, contextSize: 64, sequences: 1, threads: 1, gpuLayers: 0 }),
    changed: () => {},
  });
  await expect(replica.whenReady(forever)).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
  expect(lines.join('\n')).toContain('made no progress for 3 s and was killed');
  expect(replica.state).toMatchObject({ type: 'broken', because: 'crashes' });
  await rm(directory, { recursive: true });
});

it('a load says that it comes further', async () => {
  let moves = 0;
  const moved = () => {
    moves += 1;
  };
  const settings = { modelPath: starterModel.path, contextSize: 64, sequences: 1, threads: 1, gpuLayers: 0 };
  await openEngine(settings, () => {}, { moved });
  expect(moves).toBeGreaterThan(2);
});
