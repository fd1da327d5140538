import { messageOf } from '../../lib/message-of.ts';
import type { Log } from '../log.ts';

export type GpuLayers = number | 'auto' | 'max';

/**
 * Loads with the layers that were asked for; where that fails (the GPU has no room, its driver gives up), with as many as fit
 * beside what is there, then on the CPU alone. Each step down is a warning; what fails on the CPU fails.
 */
export async function loadWithFallback<T>(
  asked: GpuLayers,
  load: (gpuLayers: GpuLayers) => Promise<T>,
  log: Log,
): Promise<T> {
  const attempts = attemptsOf(asked);
  for (const [index, gpuLayers] of attempts.entries()) {
    try {
      return await load(gpuLayers);
    } catch (error) {
      const next = attempts[index + 1];
      if (next === undefined) throw error;
      const reason = messageOf(error);
      log('warn', `could not load with ${inWords(gpuLayers)} (${reason}); trying ${inWords(next)}`);
    }
  }
  throw new Error('nothing to try');
}

function attemptsOf(asked: GpuLayers): readonly GpuLayers[] {
  if (asked === 0) return [0];
  return asked === 'auto' ? ['auto', 0] : [asked, 'auto', 0];
}

function inWords(gpuLayers: GpuLayers): string {
  if (gpuLayers === 0) return 'the CPU alone';
  if (gpuLayers === 'auto') return 'the GPU layers that fit';
  return gpuLayers === 'max' ? 'all layers on the GPU' : `${gpuLayers} GPU layers`;
}
