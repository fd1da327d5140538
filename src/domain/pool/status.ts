import type { Inference } from '../../contracts/inference.ts';
import type { Jobs, LineDepth } from '../../contracts/jobs.ts';
import type { PoolDescription, PooledModel } from '../../contracts/pool.ts';

/** A model as the pool runs it, and what waits for it. */
export interface PoolModelStatus extends PooledModel {
  /** Requests in the model's line. */
  readonly waiting: number;
  /** How long the first of them has waited; null where none waits. */
  readonly oldestWaitSeconds: number | null;
}

export interface PoolStatus extends Omit<PoolDescription, 'models'> {
  readonly models: readonly PoolModelStatus[];
}

export interface PoolSources {
  readonly inference: Inference;
  readonly jobs: Jobs;
  readonly now: () => Date;
}

export async function poolStatus({ inference, jobs, now }: PoolSources): Promise<PoolStatus> {
  const depths = await jobs.depths();
  const pool = inference.pool();
  return { ...pool, models: pool.models.map((model) => withLine(model, depths, now())) };
}

export function withLine(model: PooledModel, depths: readonly LineDepth[], now: Date): PoolModelStatus {
  const depth = depths.find((line) => line.model === model.name);
  if (!depth) return { ...model, waiting: 0, oldestWaitSeconds: null };
  const waitedMilliseconds = Math.max(now.getTime() - depth.oldestSince.getTime(), 0);
  return { ...model, waiting: depth.waiting, oldestWaitSeconds: waitedMilliseconds / 1_000 };
}
