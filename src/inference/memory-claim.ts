import { DomainError } from '../contracts/errors.ts';
import { deviceOf } from './device/visible-device.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { type ClaimPart, type MemoryClaim, type Place, placeClaim } from './memory-place.ts';
import type { ModelConfig } from './model-config.ts';

/**
 * What a model claims of the budget: each replica its bytes where it is dealt to. What is too much for a GPU lies in main memory,
 * as the engine puts as many layers on the GPU as fit. Throws MODEL_UNAVAILABLE where it would not fit even alone.
 */
export function claimMemory(config: ModelConfig, replicaBytes: number, budget: MemoryBudget): MemoryClaim {
  const onGpus = new Map<string, ClaimPart>();
  let mainBytes = 0;
  for (let replica = 0; replica < config.replicas; replica++) {
    const places = placesOf(replica, config, budget);
    const key = places.join();
    if (places.length === 0) mainBytes += replicaBytes;
    else onGpus.set(key, { places, bytes: (onGpus.get(key)?.bytes ?? 0) + replicaBytes });
  }
  const parts: ClaimPart[] = [];
  for (const { places, bytes } of onGpus.values()) {
    const most = places.reduce((sum, place) => sum + budget.capacities.get(place)!, 0);
    parts.push({ places, bytes: Math.min(bytes, most) });
    mainBytes += Math.max(0, bytes - most);
  }
  const bytes = replicaBytes * config.replicas;
  if (mainBytes > 0 && budget.main.length > 0) parts.push({ places: budget.main, bytes: mainBytes });
  if (budget.limit !== undefined) parts.push({ places: [budget.limit], bytes });
  const claim = { bytes, parts };
  const alone = placeClaim(claim, budget.capacities);
  if (alone.type === 'short') throw tooLarge(config.name, bytes, alone.shortages);
  return claim;
}

function placesOf(replica: number, { gpuLayers, devices }: ModelConfig, budget: MemoryBudget): readonly Place[] {
  if (gpuLayers === 0) return [];
  const device = deviceOf(replica, devices);
  if (device === undefined) return budget.gpus;
  const place = budget.gpu(device);
  return place === undefined ? [] : [place];
}

function tooLarge(name: string, bytes: number, shortages: readonly ClaimPart[]): DomainError {
  const most = bytes - Math.max(...shortages.map((shortage) => shortage.bytes));
  const message = `The model ${name} needs ${shown(bytes)} of memory, and may take ${shown(most)} (limits.modelMemoryBytes).`;
  return new DomainError('MODEL_UNAVAILABLE', message);
}

function shown(bytes: number): string {
  const gibibytes = bytes / 2 ** 30;
  return gibibytes >= 1 ? `${gibibytes.toFixed(1)} GiB` : `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
