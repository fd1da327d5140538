import type { Environment } from '../child-process.ts';

/** How each kind of driver is told which GPUs a process sees. */
const visibleDevices = ['CUDA_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES', 'GGML_VK_VISIBLE_DEVICES'] as const;

/** The GPU of a replica: replicas are dealt to the devices in turn. Undefined where the library chooses. */
export function deviceOf(replica: number, devices: readonly number[] | undefined): number | undefined {
  return devices === undefined ? undefined : devices[replica % devices.length];
}

/**
 * What a process inherits that is to see one GPU alone. Numbers count among the GPUs that the server itself sees: where its own
 * environment has a list, the device is an entry of that list.
 */
export function environmentSeeing(device: number | undefined, inherited: Environment): Environment {
  if (device === undefined) return inherited;
  const placed = visibleDevices.map((name) => {
    const visible = inherited[name]?.split(',').map((entry) => entry.trim());
    return [name, visible?.[device] ?? String(device)] as const;
  });
  return { ...inherited, ...Object.fromEntries(placed) };
}
