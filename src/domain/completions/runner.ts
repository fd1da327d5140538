import { setTimeout as delay } from 'node:timers/promises';
import { DomainError } from '../../contracts/errors.ts';
import type { CompletionId } from '../../contracts/ids.ts';
import type { ChoiceDelta, FinishReason, Inference, Slot } from '../../contracts/inference.ts';
import type { Claim, Jobs, StopReason } from '../../contracts/jobs.ts';
import type { Logger } from '../../contracts/logger.ts';
import type { CompletionStore } from '../../contracts/stores/completions.ts';
import { StaleProducerError, type TokenLog } from '../../contracts/token-log.ts';
import type { Abandonment } from './abandonment.ts';
import type { Checkpoints } from './checkpoints.ts';
import { type Ending, errorOf, failed, finishReasonOf, stoppedEnding, succeeded } from './endings.ts';
import type { ForeignEnds } from './foreign-ends.ts';
import { createProgress, type Progress } from './progress.ts';
import { seqBefore, seqBeyond } from './seqs.ts';
import { type Settle, settlementFromStore } from './settle.ts';
import { untilAnswered } from './until-answered.ts';

/**
 * Runs jobs: waits for a free slot, claims a job for it, drives the engine and writes the token log. One attempt:
 *
 *     claim ─▶ model in memory ─▶ start in the store ─▶ first delta … last delta ─▶ slot given back ─▶ settlement ─▶ terminal event
 *
 * A completion whose model is being loaded is QUEUED still, to its readers as to the store. The store learns of the start while the engine evaluates the prompt, and before the first token is shown: a job that may have
 * shown tokens is never run again. After that, deltas never wait for the database.
 */
export interface Runner extends AsyncDisposable {
  /**
   * Resolves when everything that was admitted has ended. When the signal aborts, what is left is ended: FAILED with INTERRUPTED,
   * billed for what it produced; BACKGROUND completions that still wait, for a slot or for their model, stay QUEUED, for the next
   * start. What the database does not take before this process gives up on it is left to the lease's end.
   */
  drain(signal: AbortSignal): Promise<void>;
}

export interface RunnerOptions {
  readonly inference: Inference;
  readonly jobs: Jobs;
  readonly log: TokenLog;
  readonly completions: CompletionStore;
  readonly checkpoints: Checkpoints;
  readonly settle: Settle;
  readonly abandonment: Pick<Abandonment, 'forget'>;
  readonly foreignEnds: Pick<ForeignEnds, 'show'>;
  readonly logger: Logger;
  /** Aborts when this process gives up waiting for the database: a stop would never end. */
  readonly signal: AbortSignal;
  readonly now?: () => Date;
}

export function createRunner(options: RunnerOptions): Runner {
  const { inference, jobs, log, completions, checkpoints, settle, abandonment, foreignEnds, logger } = options;
  const { signal: giveUp, now = () => new Date() } = options;
  const stopping = new AbortController();
  const claims = new Set<Claim>();
  const work = new Set<Promise<void>>();

  /** Keeps track of work that must end before this process may. */
  function track(id: CompletionId, promise: Promise<void>): void {
    const tracked = promise
      .catch((error) => logger.error({ err: error, completionId: id }, 'a completion was left unsettled'))
      .finally(() => work.delete(tracked));
    work.add(tracked);
  }

  async function claimLoop(model: string): Promise<void> {
    for (;;) {
      const slot = await inference.acquireSlot(model, stopping.signal);
      try {
        const claim = await jobs.claim(model, stopping.signal);
        claims.add(claim);
        track(
          claim.job.completionId,
          runClaim(claim, slot).finally(() => claims.delete(claim)),
        );
      } catch (error) {
        slot[Symbol.dispose]();
        throw error;
      }
    }
  }

  async function runClaim(claim: Claim, slot: Slot): Promise<void> {
    const { job, epoch } = claim;
    let startedAt: Date | null = null;
    const progress = createProgress(job.inference.n, job.inference.promptTokens.length, now, seqBefore(job));
    checkpoints.addRunning(job.completionId, epoch, progress);
    let ending: Ending | null;
    try {
      ending = await generate(claim, slot, progress, () => {
        startedAt = now();
        return startedAt;
      });
    } finally {
      slot[Symbol.dispose]();
      const { promptTokens, completionTokens } = progress.usage();
      await claim.done(promptTokens + completionTokens);
    }
    if (startedAt === null && claim.signal.reason === ('shutdown' satisfies StopReason)) {
      return settleWaiting(job.completionId, 'shutdown');
    }
    if (ending === null || !(await finishOpenChoices(claim, progress, ending))) {
      checkpoints.remove(job.completionId);
      abandonment.forget(job.completionId);
      foreignEnds.show(job.completionId);
      return;
    }
    await settle({
      id: job.completionId,
      epoch,
      ...ending,
      choices: progress.choices(),
      usage: progress.usage(),
      startedAt,
      firstTokenAt: progress.firstTokenAt,
      finishedAt: now(),
      terminalSeq: ((await log.lastSeq(job.completionId)) ?? progress.lastSeq) + 1,
      textIndex: progress.textIndex(),
    });
  }

  /** How the attempt went; null where somebody else ended or took over the completion, so that nothing of it counts. */
  async function generate(claim: Claim, slot: Slot, progress: Progress, begin: () => Date): Promise<Ending | null> {
    const { job, epoch, signal } = claim;
    const id = job.completionId;
    try {
      await inference.prepare(slot, signal);
      claim.began();
      const startedAt = begin();
      const started = untilAnswered(() => completions.start(id, epoch, startedAt), signal);
      started.catch(() => {}); // Awaited below, before the first token is shown.
      for await (const part of inference.generate(job.inference, slot, signal)) {
        switch (part.type) {
          case 'started':
            progress.start(part.cachedPromptTokens);
            if (!(await started)) return null;
            await log.append(id, epoch, {
              type: 'started',
              promptTokens: job.inference.promptTokens.length,
              cachedPromptTokens: part.cachedPromptTokens,
            });
            break;
          case 'delta': {
            const choices = signal.aborted
              ? part.choices.map((choice) => withStopReason(choice, signal))
              : part.choices;
            progress.add(await log.append(id, epoch, { type: 'delta', choices }), choices);
            break;
          }
          case 'finished':
            break;
          default:
            part satisfies never;
        }
      }
      return signal.aborted && wasStopped(progress) ? stoppedEnding(signal.reason as StopReason) : succeeded;
    } catch (error) {
      if (error instanceof StaleProducerError) return null;
      if (signal.aborted) return stoppedEnding(signal.reason as StopReason);
      if (error instanceof DomainError) return failed(errorOf(error));
      logger.error({ err: error, completionId: id }, 'the engine failed unexpectedly');
      return failed({ code: 'INTERNAL', message: 'The engine failed unexpectedly.' });
    }
  }

  /** Gives every choice its finish reason, also where the engine could not; false where the log is somebody else's by now. */
  async function finishOpenChoices({ job, epoch }: Claim, progress: Progress, ending: Ending): Promise<boolean> {
    const finishReason = finishReasonOf(ending);
    const choices = progress.open().map((index): ChoiceDelta => ({ index, text: '', tokens: 0, finishReason }));
    if (choices.length === 0) return true;
    try {
      progress.add(await log.append(job.completionId, epoch, { type: 'delta', choices }), choices);
      return true;
    } catch (error) {
      if (error instanceof StaleProducerError) return false;
      throw error;
    }
  }

  /** Ends the jobs that ended while waiting: unbilled, as they never started. */
  async function settleDropped(): Promise<void> {
    for await (const { job, reason } of jobs.dropped(stopping.signal)) {
      track(job.completionId, settleWaiting(job.completionId, reason));
    }
  }

  async function settleWaiting(id: CompletionId, reason: StopReason): Promise<void> {
    const [completion] = await untilAnswered(() => completions.find([id]), giveUp);
    if (!completion || (reason === 'shutdown' && completion.mode === 'BACKGROUND')) {
      checkpoints.remove(id); // Its lease is to end: whoever starts next takes it over.
      return;
    }
    const lastSeq = await log.lastSeq(id);
    const terminalSeq = lastSeq === undefined ? seqBeyond(completion) : lastSeq + 1;
    await settle(settlementFromStore(completion, stoppedEnding(reason), terminalSeq, now()));
  }

  /** A loop's failure is a bug or a broken adapter; the service goes on, a little later. */
  async function keepUp(loop: () => Promise<void>): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await loop();
      } catch (error) {
        if (stopping.signal.aborted) return;
        logger.error({ err: error }, 'a runner loop failed and starts again');
        await delay(1_000, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
      }
    }
  }

  const loops = [
    settleDropped,
    ...inference.models().map(
      ({ name }) =>
        () =>
          claimLoop(name),
    ),
  ].map(keepUp);

  async function stopAll(): Promise<void> {
    for (const { completionId } of await jobs.positions()) await jobs.cancel(completionId, 'shutdown');
    for (const { job } of claims) await jobs.cancel(job.completionId, 'shutdown');
  }

  async function drain(signal: AbortSignal): Promise<void> {
    for (;;) {
      if (signal.aborted) await stopAll();
      const waiting = await jobs.positions();
      if (work.size === 0 && (waiting.length === 0 || signal.aborted)) return;
      const nextLook = delay(drainPollMilliseconds, undefined, { ref: false });
      await (work.size > 0 ? Promise.race([Promise.all(work), nextLook]) : nextLook);
    }
  }

  return {
    drain,
    async [Symbol.asyncDispose]() {
      await drain(AbortSignal.abort());
      stopping.abort();
      await Promise.all(loops);
      // What a loop had just taken when it was stopped.
      await drain(AbortSignal.abort());
    },
  };
}

const drainPollMilliseconds = 100;

/** The engine knows only that it was stopped; readers are told why. */
function withStopReason(choice: ChoiceDelta, signal: AbortSignal): ChoiceDelta {
  if (choice.finishReason !== 'CANCELLED') return choice;
  return { ...choice, finishReason: finishReasonOf(stoppedEnding(signal.reason as StopReason)) };
}

/** Whether the stop came before the natural end of some choice. */
function wasStopped(progress: Progress): boolean {
  const natural: readonly (FinishReason | null)[] = ['STOP', 'LENGTH', 'STOP_SEQUENCE', 'TOOL_CALLS'];
  return progress.choices().some(({ finishReason }) => !natural.includes(finishReason));
}
