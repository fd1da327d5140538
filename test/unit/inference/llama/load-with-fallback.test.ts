import { expect, test } from 'vitest';
import { type GpuLayers, loadWithFallback } from '../../../../src/inference/llama/load-with-fallback.ts';

/** A GPU that takes some ways of loading only. */
async function load(asked: GpuLayers, works: (gpuLayers: GpuLayers) => boolean) {
  const warnings: string[] = [];
  const loading = loadWithFallback(
    asked,
    async (gpuLayers) => {
      if (!works(gpuLayers)) throw new Error(`no room for ${gpuLayers}`);
      return gpuLayers;
    },
    (level, message) => warnings.push(`${level}: ${message}`),
  );
  return { loaded: await loading.catch((error: Error) => error.message), warnings };
}

test('what was asked for is loaded where it can be, without a word', async () => {
  for (const asked of ['auto', 'max', 12, 0] as const) {
    expect(await load(asked, () => true)).toEqual({ loaded: asked, warnings: [] });
  }
});

test('where all layers do not fit, those that do are loaded, with a warning', async () => {
  const { loaded, warnings } = await load('max', (layers) => layers !== 'max');
  expect(loaded).toBe('auto');
  expect(warnings).toEqual([
    'warn: could not load with all layers on the GPU (no room for max); trying the GPU layers that fit',
  ]);
});

test('where the GPU takes nothing, the CPU does', async () => {
  const { loaded, warnings } = await load(33, (layers) => layers === 0);
  expect(loaded).toBe(0);
  expect(warnings).toHaveLength(2);
  expect(warnings[1]).toContain('trying the CPU alone');
});

test('what fails on the CPU fails, with its reason', async () => {
  expect((await load('auto', () => false)).loaded).toBe('no room for 0');
  expect((await load(0, () => false)).warnings).toEqual([]);
});
