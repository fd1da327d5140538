import { startChild } from '../child-process.ts';
import type { ModelConfig } from '../model-config.ts';
import type { Device } from './device.ts';
import { type ProbeOptions, probeDevice } from './probe.ts';
import { environmentSeeing } from './visible-device.ts';

/** The GPUs of this machine, as far as models may use them: each is looked at once, by the first who asks. Disposing ends looks. */
export interface Devices extends AsyncDisposable {
  /** Numbers of the GPUs that replicas are dealt to. */
  readonly dealt: readonly number[];
  /** Whether some model may take any GPU. */
  readonly any: boolean;
  /**
   * The GPU of a number, as a replica sees it that is dealt it; without a number all GPUs together. Throws MODEL_UNAVAILABLE where the
   * looking could not begin: the next who asks tries again.
   */
  look(index: number | undefined): Promise<Device>;
}

export function createDevices(
  models: readonly ModelConfig[],
  options: ProbeOptions,
  start: typeof startChild = startChild,
): Devices {
  const disposing = new AbortController();
  const onGpu = models.filter(({ gpuLayers }) => gpuLayers !== 0);
  const dealt = new Set(onGpu.flatMap(({ devices, replicas }) => devices?.slice(0, replicas) ?? []));
  const any = onGpu.some(({ devices }) => devices === undefined);
  const looks = new Map<number | undefined, Promise<Device>>();
  return {
    dealt: [...dealt],
    any,
    look(index) {
      if (index === undefined ? !any : !dealt.has(index)) return Promise.resolve({ type: 'none' });
      let look = looks.get(index);
      if (look === undefined) {
        const environment = environmentSeeing(index, options.environment);
        look = probeDevice({ ...options, environment }, disposing.signal, start);
        looks.set(index, look);
        look.catch(() => looks.delete(index));
      }
      return look;
    },
    async [Symbol.asyncDispose]() {
      disposing.abort();
      await Promise.allSettled(looks.values());
    },
  };
}
