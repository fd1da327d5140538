/** A set of listeners that are called in the order in which they came; one that throws does not stop the others. */
export interface Listeners<T> {
  /** The result removes the listener. */
  add(listener: (value: T) => void): () => void;
  emit(value: T): void;
  clear(): void;
}

/** What a listener throws is its own bug; nobody who emits can do anything about it. */
export type ListenerErrorHandler = (error: unknown) => void;

const warnOfListenerError: ListenerErrorHandler = (error) => {
  process.emitWarning(error instanceof Error ? error : String(error));
};

export function createListeners<T>(onError: ListenerErrorHandler = warnOfListenerError): Listeners<T> {
  // Entries, not bare functions: the same function may be added twice and removed once.
  const entries = new Set<{ readonly listener: (value: T) => void }>();
  return {
    add(listener) {
      const entry = { listener };
      entries.add(entry);
      return () => {
        entries.delete(entry);
      };
    },
    emit(value) {
      for (const { listener } of [...entries]) {
        try {
          listener(value);
        } catch (error) {
          onError(error);
        }
      }
    },
    clear: () => entries.clear(),
  };
}
