import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * Cores that this process may really use: a container's CPU quota counts, which the number of cores does not show. More
 * spinning threads than that bring an engine to a standstill.
 */
export function usableCores(cores = availableParallelism(), readFile = readText): number {
  const quotas = [quotaOfVersion2(readFile), quotaOfVersion1(readFile)].filter((quota) => quota !== undefined);
  return Math.max(1, Math.floor(Math.min(cores, ...quotas)));
}

/** One core's worth is left to everything else; what remains is shared by the engines. */
export function threadsPerEngine(cores: number, engines: number): number {
  return Math.max(1, Math.floor((cores - 1) / Math.max(1, engines)));
}

type ReadFile = (path: string) => string | undefined;

function quotaOfVersion2(readFile: ReadFile): number | undefined {
  const [quota, period] = (readFile('/sys/fs/cgroup/cpu.max') ?? '').trim().split(/\s+/);
  return cores(Number(quota), Number(period));
}

function quotaOfVersion1(readFile: ReadFile): number | undefined {
  const quota = readFile('/sys/fs/cgroup/cpu/cpu.cfs_quota_us');
  const period = readFile('/sys/fs/cgroup/cpu/cpu.cfs_period_us');
  return cores(Number(quota), Number(period));
}

function cores(quota: number, period: number): number | undefined {
  return quota > 0 && period > 0 ? quota / period : undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
