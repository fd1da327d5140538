import type { Signal, Signals } from '../../contracts/signals.ts';
import { createListeners, type ListenerErrorHandler, type Listeners } from '../../lib/listeners.ts';

export interface MemorySignalsOptions {
  /** What a listener throws; by default a process warning. */
  readonly onListenerError?: ListenerErrorHandler;
}

/** Signals within one process: listeners are called before `publish` returns. */
export function createMemorySignals(options: MemorySignalsOptions = {}): Signals {
  const byType = new Map<Signal['type'], Listeners<Signal>>();
  let disposed = false;
  return {
    publish(signal) {
      byType.get(signal.type)?.emit(signal);
    },
    subscribe(type, listener) {
      if (disposed) return () => {};
      let listeners = byType.get(type);
      if (!listeners) {
        listeners = createListeners(options.onListenerError);
        byType.set(type, listeners);
      }
      return listeners.add(listener as (signal: Signal) => void);
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      byType.clear();
    },
  };
}
