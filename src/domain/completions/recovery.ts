import { type CompletionError, DomainError } from '../../contracts/errors.ts';
import type { CompletionId } from '../../contracts/ids.ts';
import type { Inference } from '../../contracts/inference.ts';
import type { Jobs } from '../../contracts/jobs.ts';
import type { Logger } from '../../contracts/logger.ts';
import type { Completion, CompletionRequest } from '../../contracts/stores/completions.ts';
import { type Store, StoreUnavailableError } from '../../contracts/stores/store.ts';
import { findModel } from '../models/models.ts';
import { chooseMaxTokens } from './context-room.ts';
import { errorOf, failed, interrupted, timedOut } from './endings.ts';
import type { Launch } from './launch.ts';
import { mostEpochs, seqBeyond } from './seqs.ts';
import { type Settle, settlementFromStore } from './settle.ts';
import { promptOf } from './stored-request.ts';

/**
 * Ends what a dead process left, so that nothing stays RUNNING for ever:
 *
 * - BACKGROUND and still QUEUED (so nothing was shown): runs here, under the next epoch; FAILED where its model takes it no more;
 * - everything else: FAILED with INTERRUPTED, billed for what was checkpointed.
 *
 * A completion is left by its process when its lease has ended. Leases also end when the database was away from everybody, so nobody
 * recovers before having had the database for a whole lease. An embedded database has one process, which holds
 * its lock: whatever is unfinished when it starts is left.
 */
export interface Recovery extends AsyncDisposable {
  /** Recovers once; resolves with how many completions were ended or taken over. */
  recover(): Promise<number>;
}

export interface RecoveryOptions {
  readonly store: Store;
  readonly inference: Inference;
  readonly jobs: Jobs;
  readonly settle: Settle;
  readonly launch: Launch;
  readonly leaseSeconds: number;
  readonly logger: Logger;
  readonly now?: () => Date;
}

const batch = 100;
/**
 * Often on a shared database: what a dead node had reserved is to be free as soon as its lease has ended. A process that has its database to
 * itself finds what others left when it starts; looking for more is most of what it does while it is idle.
 */
const longestIntervalMilliseconds = { shared: 1_000, alone: 5_000 };

export function createRecovery(options: RecoveryOptions): Recovery {
  const { store, inference, jobs, settle, launch, leaseSeconds, logger, now = () => new Date() } = options;
  const leaseMilliseconds = leaseSeconds * 1_000;
  const longest = longestIntervalMilliseconds[store.shared ? 'shared' : 'alone'];
  const intervalMilliseconds = Math.min(leaseMilliseconds / 4, longest);
  let databaseSince = now().getTime();
  let lookedAt = databaseSince;
  let working: Promise<unknown> | undefined;

  /** Goes through all that is left once: what cannot be taken over now (no room in the line) waits for the next time. */
  async function recover(leaseEndedBefore: Date): Promise<number> {
    let recovered = 0;
    for (let last: CompletionId | undefined; ; ) {
      const left = await store.completions.abandoned(leaseEndedBefore, batch, last);
      for (const completion of left) if (await recoverApart(completion)) recovered++;
      if (left.length < batch) return recovered;
      last = left.at(-1)!.id;
    }
  }

  /** One that cannot be recovered, for a reason that nobody thought of, keeps no other from it. */
  async function recoverApart(completion: Completion): Promise<boolean> {
    try {
      return await recoverOne(completion);
    } catch (error) {
      if (error instanceof StoreUnavailableError) throw error;
      logger.error({ err: error, completionId: completion.id }, 'a completion that its process left cannot be ended');
      return false;
    }
  }

  async function recoverOne(completion: Completion): Promise<boolean> {
    const { mode, status, request, epoch } = completion;
    if (mode === 'BACKGROUND' && status === 'QUEUED' && request && epoch < mostEpochs) {
      try {
        return await runAgain(completion, request);
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        // What its model would refuse now (another vocabulary, say), it would refuse at every start. What passes, or another
        // node may know, waits for the next time, for as long as the completion has.
        if (!mayPass(error)) return fail(completion, errorOf(error));
        return isLate(completion, request) ? fail(completion, timedOut) : false;
      }
    }
    return fail(completion, interrupted);
  }

  function mayPass({ code, facts }: DomainError): boolean {
    return facts.retryAfterSeconds !== undefined || (store.shared && code === 'MODEL_NOT_FOUND');
  }

  function isLate({ createdAt }: Completion, { timeoutSeconds }: CompletionRequest): boolean {
    return now().getTime() > createdAt.getTime() + timeoutSeconds * 1_000;
  }

  async function fail(completion: Completion, error: CompletionError): Promise<true> {
    await settle(settlementFromStore(completion, failed(error), seqBeyond(completion), now()));
    logger.warn({ completionId: completion.id, code: error.code }, 'ended a completion that its process left behind');
    return true;
  }

  async function runAgain(completion: Completion, request: CompletionRequest): Promise<boolean> {
    const { id, model, apiKeyId } = completion;
    const epoch = completion.epoch + 1;
    const { tokens } = await inference.tokenize(model, promptOf(request));
    requireRoom(model, tokens.length, completion.maxTokens);
    const reservation = await jobs.reserve({ model, apiKeyId, promptTokens: tokens.length });
    if (!reservation.accepted) return false;
    using place = reservation.place;
    if (!(await store.completions.adopt(id, epoch, new Date(now().getTime() + leaseMilliseconds)))) return false;
    await launch({ completion: { ...completion, epoch }, request, promptTokens: tokens, place });
    logger.info({ completionId: id }, 'took over a waiting completion');
    return true;
  }

  /** The model may have another context now. */
  function requireRoom(model: string, promptTokens: number, maxTokens: number): void {
    const described = findModel(inference.models(), model);
    if (described !== undefined) chooseMaxTokens(described, promptTokens, maxTokens);
  }

  /** On a shared database: what other nodes leave, for as long as this one lives. */
  async function recoverExpired(): Promise<void> {
    const at = now().getTime();
    // A process that stood still knows nothing of what others did meanwhile.
    if (at - lookedAt > leaseMilliseconds / 2) databaseSince = at;
    lookedAt = at;
    try {
      await store.ping();
      if (at - databaseSince >= leaseMilliseconds) await recover(new Date(at));
    } catch (error) {
      databaseSince = now().getTime();
      logger.warn({ err: error }, 'looking for completions without a process failed');
    }
  }

  const timer = setInterval(() => {
    working ??= recoverExpired().finally(() => {
      working = undefined;
    });
  }, intervalMilliseconds);
  timer.unref();

  return {
    recover: () => (store.shared ? Promise.resolve(0) : recover(new Date(8.64e15))),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await working;
    },
  };
}
