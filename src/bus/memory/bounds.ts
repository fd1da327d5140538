import type { PlaceOutcome } from '../../contracts/jobs.ts';
import type { Holding } from './holdings.ts';
import type { ServiceTime } from './service-time.ts';

/** Per model. */
export interface QueueLimits {
  readonly queueRequests: number;
  readonly queuePromptTokens: number;
  readonly queueSeconds: number;
}

/** What the line of a model looks like at this moment. */
export interface LineLoad {
  readonly held: Holding;
  /** Claimants that wait for a job. */
  readonly idle: number;
  /** Slots that claimed jobs take, as far as there are so many. */
  readonly claimed: number;
  readonly slots: number;
  readonly ready: boolean;
  readonly serviceTime: ServiceTime;
}

/** Who asks for a place. */
export interface Asking {
  readonly promptTokens: number;
  readonly own: Holding;
  /** Keys that hold something of the line, the asking one included. */
  readonly keys: number;
  /** What is expected to start before. */
  readonly placesBefore: number;
}

type Refusal = Extract<PlaceOutcome, { accepted: false }>;

/** How many times a bound all keys together may come to. */
const mostTimesBound = 2;

/**
 * Why one more place cannot be had; undefined where it can. A request that a slot is free for starts at once, so it does not wait
 * and no bound refuses it. Where the line is full, a key that holds less than its share of it (the bound ÷ the keys that hold some)
 * still gets in, as long as all together hold less than twice the bound: whoever floods the line is refused alone.
 */
export function refusalOf(load: LineLoad, asking: Asking, limits: QueueLimits): Refusal | undefined {
  const { held, serviceTime, slots } = load;
  const free = freeSlots(load);
  const { promptTokens, own, keys, placesBefore } = asking;
  if (held.places < free) return undefined;

  const fits = (all: number, ofKey: number, bound: number) =>
    all <= bound || (ofKey <= bound / keys && all <= bound * mostTimesBound);

  if (!fits(held.places - free + 1, own.places + 1, limits.queueRequests)) {
    return refuse('requests', serviceTime.secondsToStart(1, slots));
  }

  const tokens = held.promptTokens + promptTokens;
  if (!fits(tokens, own.promptTokens + promptTokens, limits.queuePromptTokens)) {
    const averageTokens = Math.max(held.promptTokens, 1) / Math.max(held.places, 1);
    const excessTokens = tokens - limits.queuePromptTokens;
    const jobsToLeave = Math.min(Math.ceil(excessTokens / averageTokens), Math.max(held.places, 1));
    return refuse('prompt-tokens', serviceTime.secondsToStart(jobsToLeave, slots));
  }

  const waitSeconds = estimateWaitSeconds(load, placesBefore);
  const excessSeconds = waitSeconds === null ? 0 : waitSeconds - limits.queueSeconds;
  return excessSeconds > 0 ? refuse('wait', excessSeconds) : undefined;
}

/** For the job with so many before it. Null while its model is loaded, and until a job has been served, except where a slot is free. */
export function estimateWaitSeconds(load: LineLoad, position: number): number | null {
  if (!load.ready) return null;
  const free = freeSlots(load);
  return position < free ? 0 : load.serviceTime.secondsToStart(position - free + 1, load.slots);
}

/** A claimant may stand for several: it comes back at once for the next job that a slot is free for. */
function freeSlots({ idle, slots, claimed }: LineLoad): number {
  return Math.max(idle, slots - claimed, 0);
}

function refuse(reason: Refusal['reason'], seconds: number | null): Refusal {
  return { accepted: false, reason, retryAfterSeconds: Math.max(Math.ceil(seconds ?? 0), 1) };
}
