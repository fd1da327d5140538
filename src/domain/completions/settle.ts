import type { CompletionId } from '../../contracts/ids.ts';
import type { Logger } from '../../contracts/logger.ts';
import type { Signals } from '../../contracts/signals.ts';
import type { Completion, CompletionStore, Settlement } from '../../contracts/stores/completions.ts';
import type { TokenLog } from '../../contracts/token-log.ts';
import type { Abandonment } from './abandonment.ts';
import type { Checkpoints } from './checkpoints.ts';
import { type Ending, finishReasonOf, isFinal, terminalEventOf } from './endings.ts';
import type { ForeignEnds } from './foreign-ends.ts';
import type { JustEnded } from './just-ended.ts';
import { untilAnswered } from './until-answered.ts';

/**
 * Ends completions, in the one order that a crash cannot take back: first the store's transaction (final text, usage record,
 * settlement), then the terminal event. While the database is away this waits for it, so the end is late, never lost. One that somebody
 * else took over meanwhile is theirs to end.
 */
export type Settle = (settlement: Settlement) => Promise<Completion>;

export interface SettleOptions {
  readonly completions: CompletionStore;
  readonly log: TokenLog;
  readonly checkpoints: Checkpoints;
  readonly abandonment: Abandonment;
  readonly justEnded: Pick<JustEnded, 'add'>;
  readonly foreignEnds: Pick<ForeignEnds, 'show'>;
  readonly signals: Signals;
  readonly logger: Logger;
  /** Aborts when this process gives up waiting for the database; the lease's end settles what is left. */
  readonly signal: AbortSignal;
}

export function createSettle(options: SettleOptions): Settle {
  const { completions, log, checkpoints, abandonment, justEnded, foreignEnds, signals, logger, signal } = options;
  return async (settlement) => {
    let completion: Completion;
    try {
      completion = await untilAnswered(
        () => completions.finalise(settlement),
        signal,
        (error, delayMilliseconds) =>
          logger.warn(
            { err: error, completionId: settlement.id, delayMilliseconds },
            'settlement waits for the database',
          ),
      );
    } finally {
      // Settled, or given up on: then nobody renews the lease, and its end has the completion settled from its last checkpoint.
      checkpoints.remove(settlement.id);
      abandonment.forget(settlement.id);
    }
    if (!isFinal(completion)) {
      foreignEnds.show(completion.id);
      return completion;
    }
    justEnded.add(completion);
    // The store's word counts: where somebody else ended it first, readers get that ending.
    await log.finalise(completion.id, settlement.epoch, terminalEventOf(completion), completion.lastSeq);
    signals.publish({ type: 'usage-recorded', projectId: completion.projectId, completionId: completion.id });
    return completion;
  };
}

/** A settlement for a completion that no process will go on with: what its last checkpoint saw, with the given ending. */
export function settlementFromStore(
  completion: Completion,
  ending: Ending,
  terminalSeq: number,
  finishedAt: Date,
): Settlement & { readonly id: CompletionId } {
  const finishReason = finishReasonOf(ending);
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
