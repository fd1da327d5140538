import { messageOf } from '../../lib/message-of.ts';
import { startChild } from '../child-process.ts';
import type { CatalogueModel, ModelConfig } from '../model-config.ts';
import { type ProbeOptions, probeDevice } from './probe.ts';

/**
 * The models with what depends on the GPUs there are: which of them replicas are dealt to, and how many replicas. GPUs are looked at only
 * where a model wants `all`; where none is found, or looking fails, that one runs as a model that names no devices.
 */
export async function dealDevices(
  models: readonly CatalogueModel[],
  options: ProbeOptions,
  start: typeof startChild = startChild,
): Promise<readonly ModelConfig[]> {
  const every = models.some(({ devices }) => devices === 'all') ? await everyDevice(options, start) : [];
  return models.map(({ devices: wanted, replicas, ...model }) => {
    const devices = wanted === 'all' ? every : (wanted ?? []);
    return {
      ...model,
      replicas: replicas ?? Math.max(1, devices.length),
      ...(devices.length > 0 && { devices }),
    };
  });
}

async function everyDevice(options: ProbeOptions, start: typeof startChild): Promise<readonly number[]> {
  let reason: string;
  try {
    const device = await probeDevice(options, new AbortController().signal, start);
    if (device.type === 'gpu') return Array.from({ length: device.count }, (_, index) => index);
    reason = device.type === 'none' ? 'none was found' : 'looking at them failed';
  } catch (error) {
    reason = messageOf(error);
  }
  options.log('warn', `no GPU to deal replicas to (devices: "all"): ${reason}`);
  return [];
}
