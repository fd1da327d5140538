import { expect, test } from 'vitest';
import { dealDevices } from '../../../../src/inference/device/deal-devices.ts';
import type { Device } from '../../../../src/inference/device/device.ts';
import type { CatalogueModel } from '../../../../src/inference/model-config.ts';
import type { FromDeviceProbe, ToDeviceProbe } from '../../../../src/inference/protocol.ts';
import { modelConfig } from '../../../kit/models.ts';
import { createFakeChildren } from '../fixtures/fake-children.ts';

type Wish = Pick<CatalogueModel, 'devices' | 'replicas'>;

/** What comes of these wishes on a machine where the probe answers this, or dies. */
async function deal(wishes: readonly Wish[], answer: Device | 'dies' | 'cannot start') {
  const children = createFakeChildren<ToDeviceProbe, FromDeviceProbe>();
  children.plan.canStart = answer !== 'cannot start';
  const warnings: string[] = [];
  const { replicas: _one, ...model } = modelConfig({ name: 'm', path: '/m' }, {});
  const dealing = dealDevices(
    wishes.map((wish) => ({ ...model, ...wish })),
    { environment: {}, hangSeconds: 10, log: (level, message) => level === 'warn' && warnings.push(message) },
    children.start,
  );
  const [probe] = children.living();
  if (answer === 'dies') probe?.end('died of SIGSEGV');
  else if (answer !== 'cannot start') probe?.say({ type: 'device', device: answer });
  const dealt = await dealing;
  return { dealt: dealt.map(({ devices, replicas }) => ({ devices, replicas })), warnings, looks: children.started };
}

const threeGpus: Device = { type: 'gpu', count: 3, totalBytes: 3e9, unifiedBytes: 0 };

test('a model has a replica for each of its devices, unless it says how many; nothing is looked at for that', async () => {
  const { dealt, looks } = await deal(
    [{}, { devices: [0, 3] }, { devices: [1], replicas: 4 }, { replicas: 2 }],
    'dies',
  );
  expect(dealt).toEqual([
    { devices: undefined, replicas: 1 },
    { devices: [0, 3], replicas: 2 },
    { devices: [1], replicas: 4 },
    { devices: undefined, replicas: 2 },
  ]);
  expect(looks).toHaveLength(0);
});

test('all devices are those that one look finds', async () => {
  const { dealt, looks, warnings } = await deal([{ devices: 'all' }, { devices: 'all', replicas: 6 }], threeGpus);
  expect(dealt).toEqual([
    { devices: [0, 1, 2], replicas: 3 },
    { devices: [0, 1, 2], replicas: 6 },
  ]);
  expect([looks.length, warnings]).toEqual([1, []]);
});

test.each([
  [{ type: 'none' }, 'none was found'],
  ['dies', 'looking at them failed'],
  ['cannot start', 'EMFILE'],
] as const)(
  'where there are none, or it cannot be told (%j), the model runs as one that names none',
  async (answer, why) => {
    const { dealt, warnings } = await deal([{ devices: 'all' }, { devices: 'all', replicas: 2 }], answer);
    expect(dealt).toEqual([
      { devices: undefined, replicas: 1 },
      { devices: undefined, replicas: 2 },
    ]);
    expect(warnings.at(-1)).toMatch(new RegExp(`devices: "all".*${why}`, 'u'));
  },
);
