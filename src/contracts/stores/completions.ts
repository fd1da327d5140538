import type { CompletionError } from '../errors.ts';
import type { ApiKeyId, CompletionId, ProjectId } from '../ids.ts';
import type { ChatMessage, FinishReason, InferenceUsage, Sampling } from '../inference.ts';
import type { JsonValue } from '../json.ts';
import type { Admission, AdmissionOutcome } from './admission.ts';
import type { Page, PageRequest } from './store.ts';

/**
 *            admit            start               finalise
 *   (nothing) ──▶ QUEUED ──────▶ RUNNING ──────────▶ SUCCEEDED | FAILED | CANCELLED
 *                    └──────────────────────────────▶ FAILED | CANCELLED          (ended while waiting)
 *
 * Nothing leaves a final state. `start` raises the epoch; `checkpoint` and `finalise` carry it and lose against a newer one.
 */
export const completionStatuses = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const;
export type CompletionStatus = (typeof completionStatuses)[number];

export const completionModes = ['WAIT', 'STREAM', 'BACKGROUND'] as const;
export type CompletionMode = (typeof completionModes)[number];

/** What was asked, checked and complete with defaults: enough to run it again from the store. */
export interface CompletionRequest {
  /** Of prompt, messages and tokens one is there. */
  readonly prompt: string | null;
  readonly messages: readonly ChatMessage[] | null;
  readonly tokens: readonly number[] | null;
  readonly n: number;
  readonly stop: readonly string[];
  readonly sampling: Sampling;
  readonly priority: number;
  readonly timeoutSeconds: number;
}

export interface CompletionChoice {
  readonly index: number;
  readonly text: string;
  readonly finishReason: FinishReason | null;
  readonly stopSequence: string | null;
}

export interface Completion {
  readonly id: CompletionId;
  readonly projectId: ProjectId;
  readonly apiKeyId: ApiKeyId;
  /** The model's own name, also where the request used an alias. */
  readonly model: string;
  readonly mode: CompletionMode;
  readonly status: CompletionStatus;
  readonly user: string | null;
  /** Null where the caller gave none, and once it was forgotten with the content. */
  readonly metadata: JsonValue;
  readonly idempotencyKey: string | null;
  /** Of the normalised input, as admission got it. */
  readonly inputHash: Uint8Array;
  /** Granted tokens per choice. */
  readonly maxTokens: number;
  readonly n: number;
  readonly seed: number;
  readonly promptTokens: number;
  /** Prompt and parameters; null once the content is gone (`store: false` after the end, or pruned). */
  readonly request: CompletionRequest | null;
  /** The text so far; null once the content is gone. */
  readonly choices: readonly CompletionChoice[] | null;
  /** Final once the status is; before, what the last checkpoint saw. */
  readonly usage: InferenceUsage;
  /** 10⁻⁹ of the currency; null until settled. */
  readonly cost: bigint | null;
  readonly error: CompletionError | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly firstTokenAt: Date | null;
  readonly finishedAt: Date | null;
  readonly epoch: number;
  /** The terminal event's seq once final; before, a seq that no reader can have passed. */
  readonly lastSeq: number;
  /** Which seq brought which text (lib/text-index); null once the content is gone. */
  readonly textIndex: Uint8Array | null;
}

/** Of all that a checkpoint stores, and of those that wait. */
export interface LeaseRenewal {
  readonly until: Date;
  readonly waiting: readonly CompletionId[];
}

export interface CompletionStore {
  /**
   * Admission: one transaction that locks project, then key, answers an idempotency key that was seen before, checks every limit of both, reserves the
   * worst case (promptTokens + maxTokens × n, and its cost) and stores the completion as QUEUED with a lease. A refusal changes nothing.
   */
  admit(admission: Admission): Promise<AdmissionOutcome>;

  /**
   * QUEUED → RUNNING, before the first token is shown. False where the completion is not waiting any more (somebody ended or started it).
   * Sent again with the same epoch and moment, after a lost answer, it is true again.
   */
  start(id: CompletionId, epoch: number, at: Date): Promise<boolean>;

  /**
   * One statement for all running completions of this process: what each gained, its counts, a seq that no reader can pass before the
   * next checkpoint. With a renewal it extends leases, too. Rows with a stale epoch are left alone.
   */
  checkpoint(running: readonly Checkpoint[], renewal: LeaseRenewal | null): Promise<void>;

  /**
   * Ends a completion: one transaction for the final text, the one usage record, the roll-up and the settlement of the reservation. Replayed any
   * number of times, the first wins: the result is the completion as it stands.
   */
  finalise(settlement: Settlement): Promise<Completion>;

  /**
   * Forgets the content with the metadata, or the idempotency keys, of the oldest completions that ended and were admitted before the moment:
   * at most `limit` of them. Answers how many it went through; fewer than the limit is all for now. Usage stays, and the user tag with it.
   */
  forget(what: Forgettable, before: Date, limit: number): Promise<number>;

  find(ids: readonly CompletionId[]): Promise<readonly Completion[]>;
  /** Whose it is: all that a reader of a running completion needs of the store, whatever the length of its text. */
  findProject(id: CompletionId): Promise<ProjectId | undefined>;
  findByIdempotencyKey(apiKeyId: ApiKeyId, idempotencyKey: string): Promise<Completion | undefined>;
  list(filter: CompletionFilter, page: PageRequest<CompletionId>): Promise<Page<Completion>>;

  /** Unfinished completions whose lease ended before the moment: their process is dead. Oldest first; those after `after` where it is given. */
  abandoned(leaseEndedBefore: Date, limit: number, after?: CompletionId): Promise<readonly Completion[]>;

  /** Gives an unfinished completion a new lease under the given epoch, the one after its own; false where somebody else was faster. For running a waiting one again. */
  adopt(id: CompletionId, epoch: number, leaseUntil: Date): Promise<boolean>;
}

export type Forgettable = 'content' | 'idempotency-keys';

export interface CompletionFilter {
  /** Null is every project (administrators). */
  readonly projectId: ProjectId | null;
  readonly apiKeyId?: ApiKeyId;
  readonly status?: readonly CompletionStatus[];
  readonly model?: string;
  readonly user?: string;
  readonly createdFrom?: Date;
  readonly createdBefore?: Date;
}

/** What a running completion gained: those of one completion, in the order of their seqs, make its text. */
export interface Checkpoint {
  readonly id: CompletionId;
  readonly epoch: number;
  /**
   * The last seq that earlier checkpoints are known to have stored, 0 at first. One that is sent again from the same seq takes the
   * place of the one before: it brings that much at least.
   */
  readonly afterSeq: number;
  /** Of those that changed: the text gained, and the ending where there is one. */
  readonly choices: readonly CompletionChoice[];
  /** In all. */
  readonly usage: InferenceUsage;
  readonly firstTokenAt: Date | null;
  /** A seq beyond any that can be handed out before the next checkpoint. */
  readonly reservedSeq: number;
  /** The rows gained. */
  readonly textIndex: Uint8Array;
}

export interface Settlement {
  readonly id: CompletionId;
  readonly epoch: number;
  readonly status: 'SUCCEEDED' | 'FAILED' | 'CANCELLED';
  readonly choices: readonly CompletionChoice[];
  readonly usage: InferenceUsage;
  readonly error: CompletionError | null;
  readonly startedAt: Date | null;
  readonly firstTokenAt: Date | null;
  readonly finishedAt: Date;
  readonly terminalSeq: number;
  readonly textIndex: Uint8Array;
}
