import { expect, test } from 'vitest';
import { deviceOf, environmentSeeing } from '../../../../src/inference/device/visible-device.ts';

test('replicas are dealt to the devices in turn', () => {
  expect([0, 1, 2, 3, 4].map((replica) => deviceOf(replica, [2, 5]))).toEqual([2, 5, 2, 5, 2]);
  expect(deviceOf(3, undefined)).toBeUndefined();
});

test('a process sees its own device alone, whatever driver it is', () => {
  expect(environmentSeeing(1, { PATH: '/bin' })).toEqual({
    PATH: '/bin',
    CUDA_VISIBLE_DEVICES: '1',
    HIP_VISIBLE_DEVICES: '1',
    GGML_VK_VISIBLE_DEVICES: '1',
  });
});

test('numbers count among the devices that the server was given', () => {
  const inherited = { CUDA_VISIBLE_DEVICES: '4, GPU-8932f937' };
  expect(environmentSeeing(0, inherited).CUDA_VISIBLE_DEVICES).toBe('4');
  expect(environmentSeeing(1, inherited).CUDA_VISIBLE_DEVICES).toBe('GPU-8932f937');
});

test('where the library chooses, nothing is changed', () => {
  const inherited = { CUDA_VISIBLE_DEVICES: '0,1' };
  expect(environmentSeeing(undefined, inherited)).toBe(inherited);
});
