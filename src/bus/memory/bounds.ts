import type { PlaceOutcome } from '../../contracts/jobs.ts';
import type { ServiceTime } from './service-time.ts';

/** Per model. */
export interface QueueLimits {
  readonly queueRequests: number;
  readonly queuePromptTokens: number;
  readonly queueSeconds: number;
}

/** What the line of a model looks like at this moment. */
export interface LineLoad {
  /** Reserved places and waiting jobs, and the prompt tokens of both. */
  readonly places: number;
  readonly promptTokens: number;
  /** Claimants that wait for a job. */
  readonly idle: number;
  readonly claimed: number;
  readonly slots: number;
  readonly serviceTime: ServiceTime;
}

type Refusal = Extract<PlaceOutcome, { accepted: false }>;

/**
 * Why one more place cannot be had; undefined where it can. A request that a claimant waits for starts at once, so it does not wait
 * and no bound refuses it.
 */
export function refusalOf(load: LineLoad, promptTokens: number, limits: QueueLimits): Refusal | undefined {
  const { places, idle, serviceTime, slots } = load;
  if (places < idle) return undefined;
  if (places - idle >= limits.queueRequests) return refuse('requests', serviceTime.secondsToStart(1, slots));

  const excessTokens = load.promptTokens + promptTokens - limits.queuePromptTokens;
  if (excessTokens > 0) {
    const averageTokens = Math.max(load.promptTokens, 1) / Math.max(places, 1);
    const jobsToLeave = Math.min(Math.ceil(excessTokens / averageTokens), Math.max(places, 1));
    return refuse('prompt-tokens', serviceTime.secondsToStart(jobsToLeave, slots));
  }

  const waitSeconds = estimateWaitSeconds(load, places);
  const excessSeconds = waitSeconds === null ? 0 : waitSeconds - limits.queueSeconds;
  return excessSeconds > 0 ? refuse('wait', excessSeconds) : undefined;
}

/** For the job with so many before it. Null until a job has been served, except where a slot is free. */
export function estimateWaitSeconds(load: LineLoad, position: number): number | null {
  const free = Math.max(load.idle, load.slots - load.claimed, 0);
  return position < free ? 0 : load.serviceTime.secondsToStart(position - free + 1, load.slots);
}

function refuse(reason: Refusal['reason'], seconds: number | null): Refusal {
  return { accepted: false, reason, retryAfterSeconds: Math.max(Math.ceil(seconds ?? 0), 1) };
}
