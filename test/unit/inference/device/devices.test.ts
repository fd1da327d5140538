import { expect, test } from 'vitest';
import { createDevices } from '../../../../src/inference/device/devices.ts';
import type { ModelConfig } from '../../../../src/inference/model-config.ts';
import type { FromDeviceProbe, ToDeviceProbe } from '../../../../src/inference/protocol.ts';
import { modelConfig } from '../../../kit/models.ts';
import { createFakeChildren } from '../fixtures/fake-children.ts';

function devicesOf(...models: Partial<ModelConfig>[]) {
  return createDevices(
    models.map((changes) => modelConfig({ name: 'm', path: '/m' }, changes)),
    { environment: {}, hangSeconds: 1, log: () => {} },
  );
}

test('a GPU counts as dealt where a replica gets it', () => {
  const { dealt, any } = devicesOf({ devices: [2, 5], replicas: 3 }, { devices: [5, 7], replicas: 1 });
  expect([dealt, any]).toEqual([[2, 5], false]);
  expect(devicesOf({ devices: [1], gpuLayers: 0 }, { gpuLayers: 0 })).toMatchObject({ dealt: [], any: false });
  expect(devicesOf({ gpuLayers: 4 }, { devices: [1], gpuLayers: 'max' })).toMatchObject({ dealt: [1], any: true });
});

test('what no model may use is not looked at', async () => {
  const devices = devicesOf({ devices: [1], gpuLayers: 0 }, { devices: [2] });
  expect(await devices.look(undefined)).toEqual({ type: 'none' });
  expect(await devices.look(1)).toEqual({ type: 'none' });
});

test('a look that could not begin is a typed failure, and is tried again by the next who asks', async () => {
  const environment: Record<string, string | undefined> = { ...process.env, TOO_LARGE: 'x'.repeat(200_000) };
  const config = modelConfig({ name: 'm', path: '/m' }, {});
  const devices = createDevices([config], { environment, hangSeconds: 10, log: () => {} });
  await expect(devices.look(undefined)).rejects.toMatchObject({
    code: 'MODEL_UNAVAILABLE',
    message: expect.stringContaining('spawn E2BIG'),
    facts: { retryAfterSeconds: 1 },
  });
  delete environment.TOO_LARGE;
  expect(['none', 'gpu']).toContain((await devices.look(undefined)).type);
});

test('looks that are going on end with it, and no other begins', async () => {
  const children = createFakeChildren<ToDeviceProbe, FromDeviceProbe>();
  const ends: string[] = [];
  const devices = createDevices(
    [modelConfig({ name: 'm', path: '/m' }, {})],
    { environment: {}, hangSeconds: 10, log: (_level, message) => ends.push(message) },
    children.start,
  );
  const look = devices.look(undefined);
  expect(children.living()).toHaveLength(1);
  const disposed = devices[Symbol.asyncDispose]();
  await expect(look).rejects.toMatchObject({ name: 'AbortError' });
  await disposed;
  await expect(devices.look(undefined)).rejects.toMatchObject({ name: 'AbortError' });
  expect(children.started).toHaveLength(1);
  expect(children.living()).toEqual([]);
  expect(ends).toEqual([]);
});
