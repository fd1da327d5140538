import type { Device } from '../device/device.ts';
import type { Log } from '../log.ts';
import { openLlama } from './open-llama.ts';

/** The GPUs that the library would use. */
export async function readDevice(log: Log): Promise<Device> {
  const llama = await openLlama({ gpu: 'auto', threads: 1, log });
  const count = llama.gpu === false ? 0 : (await llama.getGpuDeviceNames()).length;
  if (count === 0) return { type: 'none' };
  const { total, unifiedSize } = await llama.getVramState();
  return { type: 'gpu', count, totalBytes: total, unifiedBytes: unifiedSize };
}
