import type { CompletionError } from '../../contracts/errors.ts';
import type { CompletionId } from '../../contracts/ids.ts';
import type { Logger } from '../../contracts/logger.ts';
import type { Signals } from '../../contracts/signals.ts';
import type { Completion, CompletionStore, Settlement } from '../../contracts/stores/completions.ts';
import { StoreUnavailableError } from '../../contracts/stores/store.ts';
import type { TerminalEvent, TokenLog } from '../../contracts/token-log.ts';
import { retryWithBackoff } from '../../lib/retry.ts';
import type { Abandonment } from './abandonment.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { JustEnded } from './just-ended.ts';

/**
 * Ends completions, in the one order that a crash cannot take back: first the store's transaction (final text, usage record,
 * settlement), then the terminal event. While the database is away this waits for it, so the end is late, never lost.
 */
export type Settle = (settlement: Settlement) => Promise<Completion>;

export interface SettleOptions {
  readonly completions: CompletionStore;
  readonly log: TokenLog;
  readonly checkpoints: Checkpoints;
  readonly abandonment: Abandonment;
  readonly justEnded: Pick<JustEnded, 'add'>;
  readonly signals: Signals;
  readonly logger: Logger;
  /** Aborts when this process gives up waiting for the database; the lease's end settles what is left. */
  readonly signal: AbortSignal;
}

export function createSettle(options: SettleOptions): Settle {
  const { completions, log, checkpoints, abandonment, justEnded, signals, logger, signal } = options;
  return async (settlement) => {
    let completion: Completion;
    try {
      completion = await retryWithBackoff(() => completions.finalise(settlement), {
        signal,
        shouldRetry: (error) => error instanceof StoreUnavailableError,
        onRetry: (error, delayMilliseconds) =>
          logger.warn(
            { err: error, completionId: settlement.id, delayMilliseconds },
            'settlement waits for the database',
          ),
      });
    } finally {
      // Settled, or given up on: then nobody renews the lease, and its end has the completion settled from its last checkpoint.
      checkpoints.remove(settlement.id);
      abandonment.forget(settlement.id);
    }
    if (isFinal(completion)) justEnded.add(completion);
    // The store's word counts: where somebody else ended it first, readers get that ending.
    await log.finalise(completion.id, settlement.epoch, terminalEventOf(completion), completion.lastSeq);
    signals.publish({ type: 'usage-recorded', projectId: completion.projectId, completionId: completion.id });
    return completion;
  };
}

/** The terminal event that a final completion stands for. */
export function terminalEventOf({ status, usage, error, id }: Completion): TerminalEvent {
  switch (status) {
    case 'SUCCEEDED':
      return { type: 'finished', usage };
    case 'CANCELLED':
      return { type: 'cancelled', usage };
    case 'FAILED':
      return { type: 'failed', usage, error: error ?? unknownError };
    case 'QUEUED':
    case 'RUNNING':
      throw new Error(`completion ${id} is ${status}, not final`);
    default:
      return status satisfies never;
  }
}

export function isFinal({ status }: Completion): boolean {
  return status !== 'QUEUED' && status !== 'RUNNING';
}

const unknownError: CompletionError = { code: 'INTERNAL', message: 'The completion failed.' };

/** A settlement for a completion that no process will go on with: what its last checkpoint saw, with the given ending. */
export function settlementFromStore(
  completion: Completion,
  ending: Pick<Settlement, 'status' | 'error'>,
  terminalSeq: number,
  finishedAt: Date,
): Settlement & { readonly id: CompletionId } {
  const finishReason =
    ending.status === 'CANCELLED' ? 'CANCELLED' : ending.error?.code === 'TIMEOUT' ? 'TIMEOUT' : 'ERROR';
  const kept = completion.choices ?? [];
  return {
    id: completion.id,
    epoch: completion.epoch + 1,
    ...ending,
    choices: Array.from({ length: completion.n }, (_, index) => {
      const choice = kept[index] ?? { index, text: '', finishReason: null, stopSequence: null };
      return { ...choice, finishReason: choice.finishReason ?? finishReason };
    }),
    usage: completion.usage,
    startedAt: completion.startedAt,
    firstTokenAt: completion.firstTokenAt,
    finishedAt,
    terminalSeq,
    textIndex: completion.textIndex ?? new Uint8Array(),
  };
}
