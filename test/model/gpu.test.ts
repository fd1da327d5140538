import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dealDevices } from '../../src/inference/device/deal-devices.ts';
import type { ModelConfig } from '../../src/inference/model-config.ts';
import { randomModel } from '../bench/pool/random-model.ts';
import { forever, generate, job } from '../kit/generate.ts';
import { modelConfig, modelsAtHand, openInference, type TestModel } from '../kit/models.ts';
import { askApart, askTogether, sharedTokens } from '../kit/shared-prompt.ts';
import { waitFor } from '../kit/wait-for.ts';

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
  const environment = { ...process.env, VK_ICD_FILENAMES: driver };
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-gpu-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  async function random(name: string, layers: number, heads = 6): Promise<TestModel> {
    const measures = { layers, width: 192, heads, keyValueHeads: heads, feedForward: 512, vocabulary: 4_096 };
    return { name, path: await randomModel({ name, ...measures, tokens: 1 }, directory) };
  }

  async function answer(changes: Partial<ModelConfig>, by: TestModel = model!) {
    const config = modelConfig(by, { contextSize: 256, sequences: 2, ...changes });
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
    const { reservedBytes } = gpu.pool.models[0]!;
    expect(gpu.pool.places).toMatchObject([
      { name: 'GPU 0', reservedBytes },
      { name: 'main memory', reservedBytes: 0 },
    ]);
    expect(cpu.pool.models[0]!.replicas[0]!.engine).toMatchObject({ device: 'CPU', gpuLayers: 0, gpuMemoryBytes: 0 });
    expect(gpu.text).toBe(cpu.text);
    expect(gpu.text).not.toBe('');
  });

  it('have a replica on each of all GPUs, which answer alike', async () => {
    // One software GPU, seen twice.
    const two = { ...environment, GGML_VK_VISIBLE_DEVICES: '0,0' };
    const { replicas: _one, ...wanted } = modelConfig(model!, { contextSize: 256, sequences: 1, gpuLayers: 'max' });
    const log = () => {};
    const models = await dealDevices([{ ...wanted, devices: 'all' }], { environment: two, hangSeconds: 60, log });
    await using inference = openInference(models, { environment: two });
    await inference.load(wanted.name, forever);
    const { tokens } = await inference.tokenize(wanted.name, { type: 'text', text: 'Once upon a time' });
    const tokensApart = job(wanted.name, tokens, { maxTokens: 8 });
    const texts = await Promise.all([generate(inference, tokensApart), generate(inference, tokensApart)]);
    expect(texts[0].text).toBe(texts[1].text);
    const { replicas } = inference.pool().models[0]!;
    for (const { engine } of replicas) expect(engine!.gpuLayers).toBe(engine!.layers);
    expect(replicas.map(({ tokensPerStep }) => tokensPerStep)).toEqual([expect.any(Number), expect.any(Number)]);
    expect(inference.pool().places.map(({ name }) => name)).toEqual(['GPU 0', 'GPU 1', 'main memory']);
  });

  it('give a prompt what another that is running has evaluated of it, and answer as the CPU does without', async () => {
    const config = modelConfig(model!, { contextSize: 256, sequences: 2, gpuLayers: 'max', devices: [0] });
    await using gpu = openInference([config], { environment });
    const together = await askTogether(gpu, config.name);
    expect(gpu.pool().models[0]!.replicas[0]!.engine!.gpuLayers).toBeGreaterThan(1);
    expect(together.map(({ usage }) => usage.cachedPromptTokens)).toEqual([0, sharedTokens.length]);
    await using cpu = openInference([{ ...config, gpuLayers: 0 }]);
    const apart = await askApart(cpu, config.name);
    expect(together.map(({ text }) => text)).toEqual(apart.map(({ text }) => text));
  });

  it('keep their cache on the GPU in the type that the model asks for', async () => {
    const { pool, text } = await answer({ gpuLayers: 'max', devices: [0], cacheType: 'q8_0' });
    const { engine } = pool.models[0]!.replicas[0]!;
    expect(engine).toMatchObject({ cacheType: 'Q8_0', flashAttention: true });
    expect(engine!.gpuLayers).toBe(engine!.layers);
    expect(text).not.toBe('');
  });

  it('say that flash attention is off where the device cannot do it and it was left to it', async () => {
    // Heads of 12 numbers, where Vulkan wants multiples of 8.
    const narrow = await random('narrow', 2, 16);
    const gpu = await answer({ gpuLayers: 'max', devices: [0] }, narrow);
    const cpu = await answer({ gpuLayers: 0 }, narrow);
    expect(gpu.pool.models[0]!.replicas[0]!.engine).toMatchObject({ gpuLayers: 3, flashAttention: false });
    expect(cpu.pool.models[0]!.replicas[0]!.engine).toMatchObject({ gpuLayers: 0, flashAttention: false });
    expect(gpu.text).toBe(cpu.text);
  });

  it('put as many layers on the GPU as fit beside the cache of all sequences, and the others on the CPU', async ({
    skip,
  }) => {
    const deep = await random('deep', 12);
    // The cache of all layers takes more than the 2 GiB that most versions of the driver say they have.
    const large = { contextSize: 16_384, sequences: 18, devices: [0] } as const;
    const cpu = await answer({ gpuLayers: 0 }, deep);
    for (const gpuLayers of ['auto', 'max'] as const) {
      const { text, pool, logged } = await answer({ ...large, gpuLayers }, deep);
      const [device] = pool.places;
      skip(device!.bytes > 2.4e9, `the device has ${device!.bytes} bytes`);
      const { engine } = pool.models[0]!.replicas[0]!;
      expect(engine!.layers).toBe(13);
      expect(engine!.gpuLayers).toBeGreaterThan(4);
      expect(engine!.gpuLayers).toBeLessThan(13);
      expect(engine!.gpuMemoryBytes).toBeLessThan(device!.bytes);
      expect(text).toBe(cpu.text);
      const fallbacks = logged.filter(({ message }) => message.includes('could not load'));
      expect(fallbacks.map(({ level, message }) => [level, message.replace(/ \(.*\)/u, '')])).toEqual(
        gpuLayers === 'auto'
          ? []
          : [['warn', 'engine deep/0: could not load with all layers on the GPU; trying the GPU layers that fit']],
      );
    }
  });

  it('go on on the CPU where the device ends every process that loads on it', async ({ skip }) => {
    // A layer's keys take more than the 128 MiB that this driver lets one buffer have: llama.cpp aborts.
    const config = modelConfig(await random('wide', 1), { contextSize: 16_384, sequences: 24, devices: [0] });
    await using inference = openInference([config], { environment, timing: { restartSeconds: 0.01 } });
    await inference.preload();
    await waitFor('it to be loaded', () => inference.models()[0]!.status === 'LOADED', 60_000);
    const [replica] = inference.pool().models[0]!.replicas;
    skip(replica!.restarts === 0, 'this driver lets a buffer be larger');
    expect(replica).toMatchObject({ restarts: 2, engine: { device: 'CPU', gpuLayers: 0 } });
    expect(inference.logged).toContainEqual({
      level: 'warn',
      message: 'engine wide/0: died twice while loading; trying the CPU alone',
    });
    const { tokens } = await inference.tokenize(config.name, { type: 'text', text: 'Once upon a time' });
    expect((await generate(inference, job(config.name, tokens, { maxTokens: 4 }))).usage.completionTokens).toBe(4);
  });

  it('take turns on a device that has room for one of them, whatever room there is elsewhere', async ({ skip }) => {
    // The cache of each takes more than half of the 2 GiB that most versions of the driver say they have.
    const large = { contextSize: 16_384, sequences: 18, gpuLayers: 'max', devices: [0] } as const;
    const small = modelConfig(model!, { name: 'small', contextSize: 256, sequences: 1, gpuLayers: 0 });
    const models = [small, ...['first', 'second'].map((name) => modelConfig(model!, { ...large, name }))];
    await using inference = openInference(models, { environment });
    const loaded = () =>
      inference
        .models()
        .filter(({ status }) => status === 'LOADED')
        .map(({ name }) => name);
    await inference.preload();
    const [device] = inference.pool().places;
    skip(device!.bytes > 2.4e9, `the device has ${device!.bytes} bytes`);
    expect(loaded()).toHaveLength(2);
    await inference.load('second', forever);
    expect(loaded()).toEqual(['small', 'second']);
    await inference.load('first', forever);
    expect(loaded()).toEqual(['small', 'first']);
    const [, first] = inference.pool().models;
    expect(first!.replicas[0]!.engine).toMatchObject({ gpuLayers: first!.replicas[0]!.engine!.layers });
    expect(first!.replicas[0]!.engine!.gpuMemoryBytes).toBeGreaterThan(1_000_000_000);
  });

  it('run on the CPU where a replica is dealt a device that is not there', async () => {
    const { pool, text } = await answer({ gpuLayers: 'max', devices: [7] });
    const { replicas, reservedBytes } = pool.models[0]!;
    expect(replicas[0]!.engine).toMatchObject({ device: 'CPU', gpuLayers: 0 });
    expect(pool.places).toMatchObject([{ name: 'main memory', reservedBytes }]);
    expect(text).not.toBe('');
  });
});
