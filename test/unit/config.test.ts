import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';

describe('a model of the configuration', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-config-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  function modelWith(changes: object) {
    const path = join(directory, 'sluice.config.json');
    writeFileSync(path, JSON.stringify({ models: [{ name: 'm', source: 'file:m.gguf', ...changes }] }));
    return loadConfig({}, { SLUICE_CONFIG: path }).models[0]!;
  }

  it('is loaded with the server and stays, unless it says otherwise', () => {
    expect(modelWith({})).toMatchObject({ load: 'start', keepAliveSeconds: null, gpuLayers: 'auto' });
    expect(modelWith({ load: 'demand', keepAliveSeconds: 300 })).toMatchObject({
      load: 'demand',
      keepAliveSeconds: 300,
    });
    for (const name of ['devices', 'replicas']) expect(name in modelWith({})).toBe(false);
  });

  it('names its devices, or all there are', () => {
    expect(modelWith({ devices: [0, 1, 3] })).toMatchObject({ devices: [0, 1, 3] });
    expect(modelWith({ devices: 'all', replicas: 4 })).toMatchObject({ devices: 'all', replicas: 4 });
    expect(() => modelWith({ devices: 'some' })).toThrow(/devices/u);
  });

  it('keeps its cache in f16, with flash attention where the device can, unless it says otherwise', () => {
    expect(modelWith({})).toMatchObject({ cacheType: 'f16', flashAttention: 'auto' });
    const changes = { cacheType: 'q8_0', flashAttention: 'on' };
    expect(modelWith(changes)).toMatchObject(changes);
    expect(modelWith({ flashAttention: 'off' })).toMatchObject({ cacheType: 'f16', flashAttention: 'off' });
  });

  it('shares evaluated prompts within a project, unless it says otherwise', () => {
    expect(modelWith({}).cacheSharing).toBe('project');
    expect(modelWith({ cacheSharing: 'all' }).cacheSharing).toBe('all');
  });

  it.each(['q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0', 'iq4_nl'])(
    'refuses a cache in %s without flash attention',
    (cacheType) => {
      expect(() => modelWith({ cacheType, flashAttention: 'off' })).toThrow(
        `models.0.cacheType: ${cacheType} needs flash attention: leave flashAttention "auto" or "on", or use f16`,
      );
    },
  );

  it.each([
    { load: 'never' },
    { keepAliveSeconds: -1 },
    { keepAliveSeconds: 2_147_484 },
    { devices: [] },
    { devices: [-1] },
    { cacheType: 'q2_K' },
    { flashAttention: true },
    { cacheSharing: 'none' },
  ])('refuses %j', (changes) => {
    expect(() => modelWith(changes)).toThrow(`models.0.${Object.keys(changes)[0]}`);
  });
});

describe('the secret before', () => {
  const long = 'a secret that is long enough';

  it('is taken along with the one that replaces it', () => {
    const environment = { SLUICE_SECRET: long, SLUICE_PREVIOUS_SECRET: `${long} before` };
    expect(loadConfig({}, environment)).toMatchObject({ secret: long, previousSecret: `${long} before` });
  });

  it.each([
    [{ SLUICE_SECRET: long, SLUICE_PREVIOUS_SECRET: 'short' }, 'SLUICE_PREVIOUS_SECRET: must have at least 16'],
    [{ SLUICE_PREVIOUS_SECRET: long }, 'SLUICE_PREVIOUS_SECRET: needs SLUICE_SECRET'],
  ])('is refused in %j', (environment, message) => {
    expect(() => loadConfig({}, environment)).toThrow(message);
  });
});
