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

  it.each([0, 0.001, 0.15, 1.005, 123_456.789])('may cost %d per million tokens', (price) => {
    const { promptNanosPerToken } = modelWith({ price: { promptPerMillion: price } }).price;
    expect(Number(promptNanosPerToken) / 1_000).toBe(price);
  });

  it.each([0.0004, 0.0015, 1e-9, -1])(
    'cannot cost %d per million tokens, which would be rounded or negative',
    (price) => {
      for (const field of ['promptPerMillion', 'completionPerMillion']) {
        expect(() => modelWith({ price: { [field]: price } })).toThrow(`models.0.price.${field}: `);
      }
    },
  );

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

describe('allowed origins', () => {
  const allow = (origins: string) => loadConfig({}, { SLUICE_ALLOWED_ORIGINS: origins }).allowedOrigins;

  it('are taken as browsers send them', () => {
    const origins = ['https://app.example.com', 'http://localhost:5173', 'http://[::1]:3000', 'chrome-extension://abc'];
    expect(allow(origins.join(', '))).toEqual(origins);
    expect(allow('*')).toEqual(['*']);
    expect(allow('')).toEqual([]);
  });

  it.each([
    ['https://app.example.com/', 'write https://app.example.com'],
    ['https://app.example.com/path?x=1', 'write https://app.example.com'],
    ['https://user:word@app.example.com', 'write https://app.example.com'],
    ['HTTPS://App.example.com', 'write https://app.example.com'],
    ['https://app.example.com:443', 'write https://app.example.com'],
    ['chrome-extension://abc/page', 'write chrome-extension://abc'],
    ['app.example.com', 'such as'],
    ['localhost:5173', 'such as'],
    ['mailto:me@example.com', 'such as'],
    ['https://*.example.com', 'such as'],
    ['file:///page.html', 'such as'],
    ['null', 'such as'],
  ])('of "%s" could never match one, so it is refused', (origin, advice) => {
    expect(() => allow(`http://localhost:5173,${origin}`)).toThrow(
      `SLUICE_ALLOWED_ORIGINS: "${origin}" is not an origin`,
    );
    expect(() => allow(origin)).toThrow(advice);
  });
});
