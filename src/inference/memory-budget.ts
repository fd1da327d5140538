import { totalmem } from 'node:os';
import type { Device } from './protocol.ts';
import type { MemoryBudget } from './residency.ts';

export interface BudgetSources {
  /** `limits.modelMemoryBytes`; what the device has where undefined. */
  readonly configuredBytes: number | undefined;
  /** What models may use beside main memory. */
  readonly device: () => Promise<Device>;
  readonly mainMemoryBytes?: number;
}

/** Left to drivers, displays and what is computed in. */
const gpuReserve = 0.06;
const mainReserve = 0.15;
const leastMainReserveBytes = 2 ** 30;

/**
 * What models may take: the configured limit; else the memory of the GPUs, where one model alone may lie partly in main memory;
 * else main memory without a reserve for everything else.
 */
export async function readMemoryBudget({
  configuredBytes,
  device,
  mainMemoryBytes = mainMemory(),
}: BudgetSources): Promise<MemoryBudget> {
  if (configuredBytes !== undefined) return { bytes: configuredBytes, largestBytes: configuredBytes };
  const reserve = Math.min(mainMemoryBytes / 2, Math.max(leastMainReserveBytes, mainMemoryBytes * mainReserve));
  const mainBytes = Math.floor(mainMemoryBytes - reserve);
  const gpu = await device();
  if (gpu.type !== 'gpu') return { bytes: mainBytes, largestBytes: mainBytes };
  const bytes = Math.floor(gpu.totalBytes * (1 - gpuReserve));
  return { bytes, largestBytes: Math.max(bytes, bytes + mainBytes - gpu.unifiedBytes) };
}

/** A container's limit counts. */
function mainMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
