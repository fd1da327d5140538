import type { ReadyIterator } from '../lib/pull-iterator.ts';
import type { CompletionError } from './errors.ts';
import type { CompletionId } from './ids.ts';
import type { ChoiceDelta, InferenceUsage } from './inference.ts';

/**
 * The token log: one per completion, written by one producer, read by any number of readers at any time.
 *
 * - Every event has a `seq` 1, 2, 3…, assigned by `append`. A reader owns its offset: it names the last `seq` it has
 *   (`after`, exclusive, 0 for all) and gets everything beyond, then follows live, then ends after the terminal event.
 * - Same bytes for every reader: no gap, no duplicate, whatever offset it resumed from.
 * - Merging: a reader that lags or attaches late gets runs of consecutive deltas as one, whose `seq` is the last it
 *   covers and whose `choices` hold one entry per choice, so that resuming after any received `seq` is exact. Of consecutive
 *   `queued` events it gets the newest. Merging never delays an event, and bounds what a reader costs: the log holds
 *   the text once, a reader holds an offset.
 * - Fencing: `append` and `finalise` carry the producer's epoch. The log remembers the highest it has seen and refuses lower
 *   ones (StaleProducerError), so that a producer that was replaced cannot write.
 * - Exactly one terminal event; nothing follows it.
 */
export interface TokenLog extends AsyncDisposable {
  /**
   * Makes an empty log so that readers can attach before the first event; its first seq is `afterSeq` + 1 (0 for a new
   * completion; more where an earlier process may have handed out seqs). Creating it again changes nothing.
   */
  create(id: CompletionId, afterSeq: number): Promise<void>;

  /**
   * Appends one event and resolves with its seq. Appends of one producer apply in the order of the calls, and readers see
   * them at once; a producer need not wait for one before making the next. Throws StaleProducerError also on a log that is terminal,
   * or not held any more: somebody else ended the completion.
   */
  append(id: CompletionId, epoch: number, event: AppendableEvent): Promise<number>;

  /**
   * Appends the terminal event. `seq` is the seq that the store settled with: the log moves forward to it (never back).
   * On a log that is already terminal this changes nothing.
   */
  finalise(id: CompletionId, epoch: number, event: TerminalEvent, seq: number): Promise<void>;

  /** The last seq assigned, or undefined where the log is not (or no longer) held. */
  lastSeq(id: CompletionId): Promise<number | undefined>;

  /**
   * Reads from after `after`; undefined where the log is not (or no longer) held, so the caller answers from the store. The reader counts
   * as attached from the call until the iterator ends, `return()` is called or the signal aborts; each of these acts at once,
   * also while `next()` is pending.
   */
  read(id: CompletionId, after: number, signal: AbortSignal): Promise<ReadyIterator<LogEvent> | undefined>;

  /**
   * Tells how many readers are attached: at once, and after every change, until the log is terminal or the result is
   * called. Where the log is not held the listener is never called.
   */
  watchReaders(id: CompletionId, listener: (attached: number) => void): () => void;
}

/** Thrown to a producer whose epoch is lower than one the log has seen, or whose log has ended: it must stop, its work is no longer wanted. */
export class StaleProducerError extends Error {
  override readonly name = 'StaleProducerError';

  constructor(readonly completionId: CompletionId) {
    super(`the log of completion ${completionId} takes nothing more from this producer`);
  }
}

export type AppendableEvent =
  | { readonly type: 'queued'; readonly position: number; readonly estimatedWaitSeconds: number | null }
  | { readonly type: 'started'; readonly promptTokens: number; readonly cachedPromptTokens: number }
  | { readonly type: 'delta'; readonly choices: readonly ChoiceDelta[] };

export type TerminalEvent =
  | { readonly type: 'finished'; readonly usage: InferenceUsage }
  | { readonly type: 'failed'; readonly usage: InferenceUsage; readonly error: CompletionError }
  | { readonly type: 'cancelled'; readonly usage: InferenceUsage };

export type LogEvent = (AppendableEvent | TerminalEvent) & { readonly seq: number; readonly at: Date };
