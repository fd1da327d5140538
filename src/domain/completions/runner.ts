import { type CompletionError, DomainError } from '../../contracts/errors.ts';
import type { ChoiceDelta, FinishReason, Inference, Slot } from '../../contracts/inference.ts';
import type { Claim, Jobs, StopReason } from '../../contracts/jobs.ts';
import type { Logger } from '../../contracts/logger.ts';
import { type CompletionStore, type Settlement, StoreUnavailableError } from '../../contracts/stores.ts';
import { StaleProducerError, type TokenLog } from '../../contracts/token-log.ts';
import { retryWithBackoff } from '../../lib/retry.ts';
import { type Checkpoints, reservedSeqs } from './checkpoints.ts';
import { createProgress, type Progress } from './progress.ts';
import { type Settle, settlementFromStore } from './settle.ts';

/**
 * Runs jobs: waits for a free slot, claims a job for it, drives the engine and writes the token log. One attempt:
 *
 *     claim ─▶ start in the store ─▶ first delta … last delta ─▶ slot given back ─▶ settlement ─▶ terminal event
 *
 * The store learns of the start while the engine evaluates the prompt, and before the first token is shown: a job that may have
 * shown tokens is never run again. After that, deltas never wait for the database.
 */
export interface Runner extends AsyncDisposable {
  /** Claims nothing more; resolves when what runs has ended, or with what is left stopped when the signal aborts. */
  drain(signal: AbortSignal): Promise<void>;
}

export interface RunnerOptions {
  readonly inference: Inference;
  readonly jobs: Jobs;
  readonly log: TokenLog;
  readonly completions: CompletionStore;
  readonly checkpoints: Checkpoints;
  readonly settle: Settle;
  readonly logger: Logger;
  readonly now?: () => Date;
}

export function createRunner(options: RunnerOptions): Runner {
  const { inference, jobs, log, completions, checkpoints, settle, logger, now = () => new Date() } = options;
  const stopping = new AbortController();
  const running = new Map<Claim, Promise<void>>();

  async function claimLoop(model: string): Promise<void> {
    while (!stopping.signal.aborted) {
      const slot = await inference.acquireSlot(model, stopping.signal);
      let claim: Claim;
      try {
        claim = await jobs.claim(model, stopping.signal);
      } catch (error) {
        slot[Symbol.dispose]();
        throw error;
      }
      const run = runClaim(claim, slot)
        .catch((error) =>
          logger.error({ err: error, completionId: claim.job.completionId }, 'a completion was left unsettled'),
        )
        .finally(() => running.delete(claim));
      running.set(claim, run);
    }
  }

  async function runClaim(claim: Claim, slot: Slot): Promise<void> {
    const { job, epoch } = claim;
    const startedAt = now();
    const progress = createProgress(job.inference.n, job.inference.promptTokens.length, now);
    checkpoints.addRunning(job.completionId, epoch, progress);
    let ending: Ending;
    try {
      ending = await generate(claim, slot, progress, startedAt);
    } finally {
      slot[Symbol.dispose]();
      await claim.done();
    }
    if (ending.type === 'disowned') {
      checkpoints.remove(job.completionId);
      return;
    }
    await settle(await settlementOf(claim, progress, startedAt, ending));
  }

  async function generate(claim: Claim, slot: Slot, progress: Progress, startedAt: Date): Promise<Ending> {
    const { job, epoch, signal } = claim;
    const id = job.completionId;
    const started = retryWithBackoff(() => completions.start(id, epoch, startedAt), {
      signal,
      shouldRetry: (error) => error instanceof StoreUnavailableError,
    });
    started.catch(() => {}); // Awaited below, before the first token is shown.
    try {
      for await (const part of inference.generate(job.inference, slot, signal)) {
        switch (part.type) {
          case 'started':
            progress.start(part.cachedPromptTokens);
            if (!(await started)) return { type: 'disowned' };
            await log.append(id, epoch, {
              type: 'started',
              promptTokens: job.inference.promptTokens.length,
              cachedPromptTokens: part.cachedPromptTokens,
            });
            break;
          case 'delta': {
            const choices = part.choices.map((choice) => withStopReason(choice, signal));
            progress.add(await log.append(id, epoch, { type: 'delta', choices }), choices);
            break;
          }
          case 'finished':
            break;
          default:
            part satisfies never;
        }
      }
      return signal.aborted && wasStopped(progress)
        ? stoppedEnding(signal.reason as StopReason)
        : { type: 'succeeded' };
    } catch (error) {
      if (error instanceof StaleProducerError) return { type: 'disowned' };
      if (signal.aborted) return stoppedEnding(signal.reason as StopReason);
      if (error instanceof DomainError) return { type: 'failed', error: errorOf(error) };
      logger.error({ err: error, completionId: id }, 'the engine failed unexpectedly');
      return { type: 'failed', error: { code: 'INTERNAL', message: 'The engine failed unexpectedly.' } };
    }
  }

  async function settlementOf(
    claim: Claim,
    progress: Progress,
    startedAt: Date,
    ending: Exclude<Ending, { type: 'disowned' }>,
  ): Promise<Settlement> {
    const { job, epoch } = claim;
    await finishOpenChoices(claim, progress, ending);
    return {
      id: job.completionId,
      epoch,
      status: ending.type === 'succeeded' ? 'SUCCEEDED' : ending.type === 'cancelled' ? 'CANCELLED' : 'FAILED',
      choices: progress.choices(),
      usage: progress.usage(),
      error: ending.type === 'failed' ? ending.error : null,
      startedAt,
      firstTokenAt: progress.firstTokenAt,
      finishedAt: now(),
      terminalSeq: ((await log.lastSeq(job.completionId)) ?? progress.lastSeq) + 1,
      textIndex: progress.textIndex(),
    };
  }

  /** Gives every choice its finish reason, also where the engine could not. */
  async function finishOpenChoices({ job, epoch, signal }: Claim, progress: Progress, ending: Ending): Promise<void> {
    const open = progress.open();
    if (open.length === 0) return;
    const finishReason: FinishReason =
      ending.type === 'cancelled' ? 'CANCELLED' : signal.reason === 'timeout' ? 'TIMEOUT' : 'ERROR';
    const choices = open.map((index): ChoiceDelta => ({ index, text: '', tokens: 0, finishReason }));
    progress.add(await log.append(job.completionId, epoch, { type: 'delta', choices }), choices);
  }

  /** Ends the jobs that ended while waiting: unbilled, as they never started. */
  async function settleDropped(): Promise<void> {
    for await (const { job, reason } of jobs.dropped(stopping.signal)) {
      void settleWaiting(job.completionId, reason).catch((error) =>
        logger.error({ err: error, completionId: job.completionId }, 'a waiting completion was left unsettled'),
      );
    }
  }

  async function settleWaiting(id: Claim['job']['completionId'], reason: StopReason): Promise<void> {
    const [completion] = await retryWithBackoff(() => completions.find([id]), {
      signal: stopping.signal,
      shouldRetry: (error) => error instanceof StoreUnavailableError,
    });
    if (!completion) return;
    const ending = stoppedEnding(reason);
    await settle(
      settlementFromStore(
        completion,
        ending.type === 'failed' ? { status: 'FAILED', error: ending.error } : { status: 'CANCELLED', error: null },
        ((await log.lastSeq(id)) ?? reservedSeqs) + 1,
        now(),
      ),
    );
  }

  const loops = [settleDropped(), ...inference.models().map(({ name }) => claimLoop(name))].map((loop) =>
    loop.catch((error) => {
      if (!stopping.signal.aborted) logger.error({ err: error }, 'a runner loop ended');
    }),
  );

  async function drain(signal: AbortSignal): Promise<void> {
    const stopRest = () => {
      for (const { job } of running.keys()) void jobs.cancel(job.completionId, 'shutdown');
    };
    if (signal.aborted) stopRest();
    else signal.addEventListener('abort', stopRest, { once: true });
    await Promise.all(running.values());
    signal.removeEventListener('abort', stopRest);
  }

  return {
    drain,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await drain(AbortSignal.abort());
      await Promise.all(loops);
    },
  };
}

type Ending =
  | { readonly type: 'succeeded' }
  | { readonly type: 'cancelled' }
  | { readonly type: 'failed'; readonly error: CompletionError }
  /** Somebody else ended or took over the completion: nothing of this attempt counts. */
  | { readonly type: 'disowned' };

function stoppedEnding(reason: StopReason): Exclude<Ending, { type: 'succeeded' | 'disowned' }> {
  switch (reason) {
    case 'cancelled':
    case 'abandoned':
      return { type: 'cancelled' };
    case 'timeout':
      return {
        type: 'failed',
        error: { code: 'TIMEOUT', message: 'The completion did not end within timeoutSeconds.' },
      };
    case 'shutdown':
      return { type: 'failed', error: interrupted };
    default:
      return reason satisfies never;
  }
}

/** What readers are told when the process that served a completion stopped or died. */
export const interrupted: CompletionError = {
  code: 'INTERRUPTED',
  message: 'The serving process stopped before the completion ended. Send the request again.',
  retryAfterSeconds: 1,
};

/** The engine knows only that it was stopped; readers are told why. */
function withStopReason(choice: ChoiceDelta, signal: AbortSignal): ChoiceDelta {
  if (choice.finishReason !== 'CANCELLED') return choice;
  if (signal.reason === 'timeout') return { ...choice, finishReason: 'TIMEOUT' };
  if (signal.reason === 'shutdown') return { ...choice, finishReason: 'ERROR' };
  return choice;
}

/** Whether the stop came before the natural end of some choice. */
function wasStopped(progress: Progress): boolean {
  const natural: readonly (FinishReason | null)[] = ['STOP', 'LENGTH', 'STOP_SEQUENCE', 'TOOL_CALLS'];
  return progress.choices().some(({ finishReason }) => !natural.includes(finishReason));
}

function errorOf({ code, message, facts }: DomainError): CompletionError {
  return {
    code,
    message,
    ...(facts.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: facts.retryAfterSeconds }),
  };
}
