import type { CompletionId } from '../../contracts/ids.ts';
import {
  type AppendableEvent,
  type LogEvent,
  StaleProducerError,
  type TerminalEvent,
  type TokenLog,
} from '../../contracts/token-log.ts';
import { createAlarm } from '../../lib/alarm.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { LinkedList } from '../../lib/linked-list.ts';
import { createListeners, type Listeners } from '../../lib/listeners.ts';
import { countTextUnits } from '../../lib/merge-choices.ts';
import { createPullIterator, type PullIterator, type ReadyIterator } from '../../lib/pull-iterator.ts';
import { nextEvent } from '../next-event.ts';

export interface MemoryTokenLogOptions {
  readonly clock?: Clock;
  readonly retention: {
    /** How long a log is held after its end. */
    readonly logSeconds: number;
    /** What all logs together may take before ended ones are let go early, those that ended first before the others. */
    readonly logBytes: number;
  };
}

/**
 * The token log of one process. An append pushes one object and wakes those who wait; a reader that does not wait costs a look
 * until it asks. Readers that are attached when a log is let go read on to its end.
 */
export function createMemoryTokenLog(options: MemoryTokenLogOptions): TokenLog {
  const { clock = systemClock, retention } = options;
  const logs = new Map<CompletionId, Log>();
  const endedFirst = new LinkedList<EndedLog>();
  const alarm = createAlarm(clock, letGo);
  let heldBytes = 0;
  let disposed = false;

  function held(id: CompletionId): Log | undefined {
    letGo();
    return logs.get(id);
  }

  function letGo(): void {
    let ended = endedFirst.first;
    if (!ended) return;
    const now = clock().getTime();
    while (ended && (ended.letGoAt <= now || heldBytes > retention.logBytes)) {
      endedFirst.shift();
      logs.delete(ended.log.id);
      heldBytes -= ended.log.bytes;
      ended = endedFirst.first;
    }
    alarm.set(ended?.letGoAt);
  }

  function account(log: Log, bytes: number): void {
    log.bytes += bytes;
    heldBytes += bytes;
    if (heldBytes > retention.logBytes) letGo();
  }

  function append(id: CompletionId, epoch: number, event: AppendableEvent): number {
    const log = logs.get(id);
    // A log that ended, and may have been let go since, was ended by somebody who took the work away from this producer.
    if (!log || log.terminal) throw new StaleProducerError(id);
    fence(log, epoch);
    const seq = lastSeqOf(log) + 1;
    log.events.push(logged(event, seq, clock()));
    account(log, estimateBytes(event));
    wakeReaders(log);
    return seq;
  }

  function finalise(id: CompletionId, epoch: number, event: TerminalEvent, seq: number): void {
    const log = logs.get(id);
    // One that is not held (never here, or ended and let go) has no reader: the store answers.
    if (!log || log.terminal) return;
    fence(log, epoch);
    const at = clock();
    log.terminal = { ...event, seq: Math.max(seq, lastSeqOf(log) + 1), at };
    log.watchers.clear();
    wakeReaders(log);
    endedFirst.push({ log, letGoAt: at.getTime() + retention.logSeconds * 1_000 });
    letGo();
  }

  return {
    create: settled((id: CompletionId, afterSeq: number) => {
      if (disposed) throw new Error('the token log is closed');
      if (!logs.has(id)) logs.set(id, createLog(id, afterSeq));
    }),
    append: async (id, epoch, event) => append(id, epoch, event),
    finalise: settled(finalise),
    lastSeq: settled((id: CompletionId) => {
      const log = held(id);
      return log && lastSeqOf(log);
    }),
    read: settled((id: CompletionId, after: number, signal: AbortSignal) => {
      const log = held(id);
      return log && attachReader(log, after, signal);
    }),
    watchReaders(id, listener) {
      const log = held(id);
      if (!log || log.terminal) return () => {};
      const unwatch = log.watchers.add(listener);
      listener(log.readers.size);
      return unwatch;
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      alarm[Symbol.dispose]();
      for (const log of logs.values()) {
        log.watchers.clear();
        for (const reader of log.readers) reader.end();
      }
      logs.clear();
      while (endedFirst.shift());
      heldBytes = 0;
    },
  };
}

interface Log {
  readonly id: CompletionId;
  /** What seqs an earlier process may have handed out; this log's begin beyond. */
  readonly afterSeq: number;
  /** All but the terminal event; the one with seq s is at s − afterSeq − 1. */
  readonly events: LogEvent[];
  /** Its seq may lie beyond the last event's by more than one. */
  terminal: LogEvent | undefined;
  highestEpoch: number;
  bytes: number;
  readonly readers: Set<PullIterator<LogEvent>>;
  readonly watchers: Listeners<number>;
}

interface EndedLog {
  readonly log: Log;
  readonly letGoAt: number;
}

function createLog(id: CompletionId, afterSeq: number): Log {
  return {
    id,
    afterSeq,
    events: [],
    terminal: undefined,
    highestEpoch: 0,
    bytes: 0,
    readers: new Set(),
    watchers: createListeners(),
  };
}

function lastSeqOf(log: Log): number {
  return log.terminal?.seq ?? log.afterSeq + log.events.length;
}

function fence(log: Log, epoch: number): void {
  if (epoch < log.highestEpoch) throw new StaleProducerError(log.id);
  log.highestEpoch = epoch;
}

function attachReader(log: Log, after: number, signal: AbortSignal): ReadyIterator<LogEvent> {
  let offset = Math.max(after, log.afterSeq);
  const reader = createPullIterator<LogEvent>(
    {
      take() {
        const { terminal } = log;
        const event =
          nextEvent(log.events, offset - log.afterSeq) ?? (terminal && terminal.seq > offset ? terminal : undefined);
        if (event) offset = event.seq;
        return event;
      },
      isOver: () => log.terminal !== undefined && log.terminal.seq <= offset,
      onWait() {},
      onEnd() {
        if (log.readers.delete(reader)) log.watchers.emit(log.readers.size);
      },
    },
    signal,
  );
  if (!signal.aborted) {
    log.readers.add(reader);
    log.watchers.emit(log.readers.size);
  }
  return reader.iterator;
}

function wakeReaders({ readers }: Log): void {
  for (const reader of readers) reader.wake();
}

/** A delta is written out: there is one for every token, and spreading it would cost more than all else here. */
function logged(event: AppendableEvent, seq: number, at: Date): LogEvent {
  return event.type === 'delta' ? { type: 'delta', seq, at, choices: event.choices } : { ...event, seq, at };
}

/** About what an event takes on the heap; the text is what matters when there is much of it. */
function estimateBytes(event: AppendableEvent): number {
  return event.type === 'delta' ? 200 + event.choices.length * 100 + countTextUnits(event.choices) * 2 : 200;
}

/** Applies at the call, so that calls take effect in their order, and answers as the contract does. */
function settled<Arguments extends unknown[], Result>(
  apply: (...args: Arguments) => Result,
): (...args: Arguments) => Promise<Result> {
  return async (...args) => apply(...args);
}
