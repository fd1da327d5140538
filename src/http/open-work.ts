/** Counts what is open, so that a stop can wait for its end, though not for ever. */
export interface OpenWork {
  /** Something opened; the result, called once, says that it ended. */
  begin(): () => void;
  /** Resolves when nothing is open, or when the time is up. */
  ended(milliseconds: number): Promise<void>;
  readonly size: number;
}

/** How long a stop waits for readers to take the terminal events of what it ended. */
export const lastWordsMilliseconds = 2_000;

export function createOpenWork(): OpenWork {
  const open = new Set<object>();
  const waiting = new Set<() => void>();
  return {
    begin() {
      const work = {};
      open.add(work);
      return () => {
        if (open.delete(work) && open.size === 0) for (const resolve of waiting) resolve();
      };
    },
    ended(milliseconds) {
      if (open.size === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(finish, milliseconds);
        waiting.add(finish);
        function finish(): void {
          clearTimeout(timer);
          waiting.delete(finish);
          resolve();
        }
      });
    },
    get size() {
      return open.size;
    },
  };
}
