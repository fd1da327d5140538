import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import type { LocalInference } from '../../../src/inference/create-inference.ts';
import { startApp } from '../../kit/app.ts';
import { complete } from '../../kit/completions.ts';
import { modelConfig, openInference, starterModel } from '../../kit/models.ts';
import { pool, pooledModel, watchPool } from '../../kit/pool.ts';

const starter = `file:${resolve('models/starter.gguf')}`;

test('replicas say what they run on, and how fast', async () => {
  const model = { name: 'starter', source: starter, contextSize: 256, sequences: 2, replicas: 2, threads: 1 };
  await using app = await startApp({ config: { models: [{ ...model, gpuLayers: 0 }] } });
  await using events = watchPool(app.admin);
  await events.until(({ model }) => model.replicas.every(({ state }) => state === 'READY'));
  const client = await app.newClient();
  await complete(client, { model: 'starter', prompt: 'Once upon a time', maxTokens: 20 });
  const { status, replicas, reservedBytes } = await pooledModel(app.admin, 'starter');
  expect(status).toBe('LOADED');
  expect(replicas.map(({ index, slots }) => [index, slots])).toEqual([
    [0, 2],
    [1, 2],
  ]);
  for (const { engine } of replicas) {
    expect(engine).toMatchObject({ device: 'CPU', gpuLayers: 0, gpuMemoryBytes: '0', threads: 1 });
    expect(engine).toMatchObject({ flashAttention: false, cacheType: 'F16', copiesPrompts: true });
    expect(engine!.layers).toBeGreaterThan(1);
    expect(Number(engine!.memoryBytes)).toBeGreaterThan(1_000_000);
  }
  expect(replicas.some(({ tokensPerSecond }) => tokensPerSecond > 0)).toBe(true);
  const { places, memoryBytes } = await pool(app.admin);
  expect(places).toEqual([{ name: 'main memory', bytes: memoryBytes, reservedBytes }]);
});

test('an engine says how many tokens a step of it gave', async () => {
  const model = { name: 'starter', source: starter, contextSize: 256, sequences: 4, threads: 1, gpuLayers: 0 };
  await using app = await startApp({ config: { models: [model] } });
  const client = await app.newClient();
  const perStep = async () => (await pooledModel(app.admin, 'starter')).replicas[0]!.tokensPerStep;
  expect(await perStep()).toBeNull();
  await complete(client, { model: 'starter', prompt: 'Once upon a time', maxTokens: 20 });
  expect(await perStep()).toBe(1);
  await complete(client, { model: 'starter', prompt: 'Once upon a time', maxTokens: 200, n: 4 });
  expect(await perStep()).toBeGreaterThan(1.5);
  expect(await perStep()).toBeLessThanOrEqual(4);
});

test('a model keeps its cache in the type that the configuration names, and sets less memory aside for it', async () => {
  const model = { source: starter, contextSize: 2048, sequences: 8, threads: 1, gpuLayers: 0, flashAttention: 'on' };
  const models = [
    { ...model, name: 'exact' },
    { ...model, name: 'small', cacheType: 'q8_0' },
  ];
  await using app = await startApp({ config: { models } });
  const client = await app.newClient();
  for (const { name } of models) await complete(client, { model: name, prompt: 'Once upon a time', maxTokens: 4 });
  const exact = await pooledModel(app.admin, 'exact');
  const small = await pooledModel(app.admin, 'small');
  expect(exact.replicas[0]!.engine).toMatchObject({ flashAttention: true, cacheType: 'F16' });
  expect(small.replicas[0]!.engine).toMatchObject({ flashAttention: true, cacheType: 'Q8_0' });
  expect(Number(exact.reservedBytes) - Number(small.reservedBytes)).toBeGreaterThan(20_000_000);
});

test('an engine that dies is told of, and counted', async () => {
  const inference: LocalInference = openInference([modelConfig(starterModel, { gpuLayers: 0 })]);
  await inference.preload();
  await using app = await startApp({ inference });
  await using events = watchPool(app.admin);
  await events.until(({ type }) => type === 'CURRENT');
  process.kill(inference.processIds().engines[0]!, 'SIGKILL');
  const told = await events.until(({ model }) => model.replicas[0]!.state === 'READY');
  expect(
    told.filter(({ type }) => type !== 'FIGURES').map(({ type, model }) => [type, model.replicas[0]!.state]),
  ).toEqual([
    ['RESTART', 'RESTARTING'],
    ['STATE', 'LOADING'],
    ['STATE', 'READY'],
  ]);
  expect((await pool(app.admin)).models[0]!.replicas[0]).toMatchObject({ state: 'READY', restarts: 1 });
});
