import { totalmem } from 'node:os';
import type { Device } from './device/device.ts';
import type { Place, PlaceBytes } from './memory-place.ts';

/** What models may take, place by place. */
export interface MemoryBudget {
  /** What all models may take together. */
  readonly bytes: number;
  readonly capacities: PlaceBytes;
  /** Where everything counts once more, wherever it lies: the configured limit. */
  readonly limit: Place | undefined;
  /** Where a replica lies that is dealt the GPU of that number; undefined where there is none. */
  readonly gpu: (index: number) => Place | undefined;
  /** Where a model lies that may take any GPU: spread over all. */
  readonly gpus: readonly Place[];
  /** Where lies what does not go to a GPU, or does not fit there. Without a place of its own it counts in the limit alone. */
  readonly main: readonly Place[];
}

export interface BudgetSources {
  /** `limits.modelMemoryBytes`; what the machine has where undefined. */
  readonly configuredBytes: number | undefined;
  /** Numbers of the GPUs that replicas are dealt to. */
  readonly dealt: readonly number[];
  /** Whether some model may take any GPU. */
  readonly anyGpu: boolean;
  /** The GPU of a number, or all GPUs together. */
  readonly device: (index: number | undefined) => Promise<Device>;
  readonly mainMemoryBytes?: number;
}

/** Left to drivers, displays and what is computed in. */
const gpuReserve = 0.06;
const mainReserve = 0.15;
const leastMainReserveBytes = 2 ** 30;

/**
 * A GPU that replicas are dealt to holds what it has. The configured limit stands for everything else; without one that is the other
 * GPUs, and main memory less a reserve, of which what GPUs have in common with it counts once.
 */
export async function readMemoryBudget(sources: BudgetSources): Promise<MemoryBudget> {
  const { configuredBytes, device } = sources;
  const dealt = await Promise.all(sources.dealt.map(async (index) => [index, await device(index)] as const));
  const gpus = dealt.flatMap(([index, gpu]) => (gpu.type === 'gpu' ? [{ index, gpu }] : []));
  const capacities = new Map(gpus.map(({ index, gpu }) => [gpuPlace(index), usable(gpu.totalBytes)]));
  const budget = {
    capacities,
    gpu: (index: number) => (capacities.has(gpuPlace(index)) ? gpuPlace(index) : undefined),
  };
  if (configuredBytes !== undefined) {
    capacities.set(limitPlace, configuredBytes);
    return { ...budget, bytes: configuredBytes, limit: limitPlace, gpus: [], main: [] };
  }

  let unifiedBytes = gpus.reduce((sum, { gpu }) => sum + gpu.unifiedBytes, 0);
  const all = sources.anyGpu ? await device(undefined) : undefined;
  if (all?.type === 'gpu') {
    unifiedBytes = all.unifiedBytes;
    const otherBytes = all.totalBytes - gpus.reduce((sum, { gpu }) => sum + gpu.totalBytes, 0);
    if (otherBytes > 0) capacities.set(otherGpusPlace, usable(otherBytes));
  }
  const gpuPlaces = [...capacities.keys()];
  const mainBytes = usableMain(sources.mainMemoryBytes ?? mainMemory());
  capacities.set(mainPlace, Math.max(0, mainBytes - unifiedBytes));
  return {
    ...budget,
    bytes: [...capacities.values()].reduce((sum, bytes) => sum + bytes, 0),
    limit: undefined,
    gpus: all?.type === 'gpu' ? gpuPlaces : [],
    main: unifiedBytes > 0 ? [...gpuPlaces, mainPlace] : [mainPlace],
  };
}

const gpuPlace = (index: number): Place => `GPU ${index}`;
const otherGpusPlace: Place = 'other GPUs';
const mainPlace: Place = 'main memory';
const limitPlace: Place = 'limit';

function usable(gpuBytes: number): number {
  return Math.floor(gpuBytes * (1 - gpuReserve));
}

function usableMain(bytes: number): number {
  return Math.floor(bytes - Math.min(bytes / 2, Math.max(leastMainReserveBytes, bytes * mainReserve)));
}

/** A container's limit counts. */
function mainMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
