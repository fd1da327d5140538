import type { ApiKeyId, CompletionId, ProjectId } from './ids.ts';
import type { InferenceJob } from './inference.ts';

/**
 * Jobs is the only waiting line of the product. Fairness, priority, bounds, position, deadlines and cancellation live
 * here; the model pool never queues.
 *
 * Life of a job:
 *
 *     reserve ──▶ waiting ──claim──▶ claimed ──(began)──done──▶ gone
 *        │           │                  │
 *        │           └─ cancel/deadline ┴─▶ waiting: handed out by `dropped`, then gone
 *        └─ dispose: gone                   claimed: the claim's signal aborts; the claimant ends it and calls done
 *
 * - Fair between keys, in tokens (prompt + n × maxTokens): while two keys both have jobs waiting, neither starts more tokens than the
 *   other by more than one job of each, whatever they have queued. A key whose line was empty waits for at most as many tokens of each
 *   other key as its own last job took, and one job more; when nothing waits any more, all is forgiven. A start counts with what the
 *   job may take; its end gives the rest back, so that keys share in what they take and not in what they ask for.
 *   Within a key: higher priority first, then older first.
 * - Bounded per model by waiting requests, by their prompt tokens and by the estimated wait. In a full line a key below its share (the
 *   bound ÷ the keys that hold places) still gets a place, until all together hold twice the bound: one key's flood refuses that key.
 */
export interface Jobs extends AsyncDisposable {
  /**
   * Takes a place in the line, or says why there is none. A place counts against the bounds at once and is given back by disposing it, so that
   * admission can refuse without a trace; nothing can claim it until `enqueue`.
   */
  reserve(request: PlaceRequest): Promise<PlaceOutcome>;

  /** Waits for the next job of the model and takes it. Rejects with the signal's reason when that aborts. */
  claim(model: string, signal: AbortSignal): Promise<Claim>;

  /**
   * Ends a job: a waiting one moves to `dropped`, a claimed one sees its signal abort with the reason. Idempotent: the
   * first reason holds; unknown ids change nothing.
   */
  cancel(id: CompletionId, reason: StopReason): Promise<void>;

  /** Jobs that ended while waiting (cancelled, past their deadline), each once, for somebody to finalise. */
  dropped(signal: AbortSignal): AsyncIterable<DroppedJob>;

  /** How long the lines are now, of the models that have one. */
  depths(): Promise<readonly LineDepth[]>;

  /** Where every waiting job stands now. */
  positions(): Promise<readonly JobPosition[]>;
}

export interface PlaceRequest {
  readonly model: string;
  /** Whose share of the line it takes. */
  readonly apiKeyId: ApiKeyId;
  readonly promptTokens: number;
}

export type PlaceOutcome =
  | { readonly accepted: true; readonly place: Place }
  | {
      readonly accepted: false;
      readonly reason: 'requests' | 'prompt-tokens' | 'wait';
      /** From the measured drain rate; ≥ 1. */
      readonly retryAfterSeconds: number;
    };

/** A place in the line. Disposing one that was enqueued changes nothing. */
export interface Place extends Disposable {
  enqueue(job: Job): Promise<JobPosition>;
}

export interface Job {
  readonly completionId: CompletionId;
  readonly projectId: ProjectId;
  readonly apiKeyId: ApiKeyId;
  /** Of the completion as it comes into the line: its claim has the next. */
  readonly epoch: number;
  readonly priority: number;
  /** After this moment the job ends with the reason 'timeout', waiting or claimed. */
  readonly deadline: Date;
  readonly inference: InferenceJob;
}

export interface Claim {
  readonly job: Job;
  /** The claimant's producer epoch: the one after the job's. */
  readonly epoch: number;
  /** Aborts with a StopReason as `signal.reason` when the job is to end. */
  readonly signal: AbortSignal;
  /** Its model is ready. Waits are estimated from the time between this and `done`: loading a model takes its time once, not of every job. */
  began(): void;
  /** The job is over, however it ended. What it took of its tokens (the prompt once, every choice); without, all of them. */
  done(usedTokens?: number): Promise<void>;
}

/**
 * Why a job is stopped from outside: somebody asked (`cancelled`), nobody reads any more (`abandoned`), its deadline
 * passed (`timeout`), or this process is stopping (`shutdown`).
 */
export type StopReason = 'cancelled' | 'abandoned' | 'timeout' | 'shutdown';

export interface DroppedJob {
  readonly job: Job;
  readonly reason: StopReason;
}

export interface LineDepth {
  readonly model: string;
  readonly waiting: number;
  /** Since when the longest-waiting job waits. */
  readonly oldestSince: Date;
}

export interface JobPosition {
  readonly completionId: CompletionId;
  /** Jobs that are expected to start before it; 0 is next. */
  readonly position: number;
  /** Null while the model is loaded, and until enough has been measured. */
  readonly estimatedWaitSeconds: number | null;
}
