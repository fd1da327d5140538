import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ModelConfig } from '../../src/inference/model-config.ts';
import { generate, job } from '../kit/generate.ts';
import { modelConfig, modelsAtHand, openInference } from '../kit/models.ts';

const [model] = modelsAtHand();
const driver = process.env.VK_ICD_FILENAMES ?? softwareDriver();
if (driver === undefined) {
  console.warn(
    'No software Vulkan driver: the GPU tests are skipped. Install it with `apt-get install libvulkan1 mesa-vulkan-drivers`, or name the lvp_icd file in VK_ICD_FILENAMES.',
  );
}

/** Mesa's, which is a GPU to the engine in everything but speed. */
function softwareDriver(): string | undefined {
  const directory = '/usr/share/vulkan/icd.d';
  try {
    const name = readdirSync(directory).find((file) => file.startsWith('lvp_icd'));
    return name && join(directory, name);
  } catch {
    return undefined;
  }
}

describe.skipIf(model === undefined || driver === undefined)('engines on a GPU', () => {
  const environment = { ...process.env, VK_ICD_FILENAMES: driver, GGML_VK_VISIBLE_DEVICES: '0' };

  async function answer(changes: Partial<ModelConfig>) {
    const config = modelConfig(model!, { contextSize: 256, sequences: 2, ...changes });
    await using inference = openInference([config], { environment });
    await inference.preload();
    const { tokens } = await inference.tokenize(config.name, { type: 'text', text: 'Once upon a time' });
    const { text } = await generate(inference, job(config.name, tokens, { maxTokens: 24 }));
    return { text, pool: inference.pool(), logged: inference.logged };
  }

  it('take all layers, say where they are, and answer as the CPU does', async () => {
    const gpu = await answer({ gpuLayers: 'max', devices: [0] });
    const cpu = await answer({ gpuLayers: 0 });
    const { engine } = gpu.pool.models[0]!.replicas[0]!;
    expect(engine!.device).not.toBe('CPU');
    expect(engine!.gpuLayers).toBeGreaterThan(1);
    expect(engine!.gpuLayers).toBe(engine!.layers);
    expect(engine!.gpuMemoryBytes).toBeGreaterThan(1_000_000);
    expect(cpu.pool.models[0]!.replicas[0]!.engine).toMatchObject({ device: 'CPU', gpuLayers: 0, gpuMemoryBytes: 0 });
    expect(gpu.text).toBe(cpu.text);
    expect(gpu.text).not.toBe('');
  });

  it('run on the CPU where a replica is dealt a device that is not there', async () => {
    const { pool, text } = await answer({ gpuLayers: 'max', devices: [7] });
    expect(pool.models[0]!.replicas[0]!.engine).toMatchObject({ device: 'CPU', gpuLayers: 0 });
    expect(text).not.toBe('');
  });
});
