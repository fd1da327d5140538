/** Closes what was opened, last first: `AsyncDisposableStack`, which Node 20 does not have. */
export interface Disposer extends AsyncDisposable {
  use<T extends AsyncDisposable | Disposable>(resource: T): T;
  defer(close: () => void | Promise<void>): void;
  /** Hands everything to a new owner; disposing this one then does nothing. */
  move(): Disposer;
}

export function createDisposer(closers: (() => void | Promise<void>)[] = []): Disposer {
  let owned = closers;
  return {
    use(resource) {
      owned.push(async () => {
        if (Symbol.asyncDispose in resource) await resource[Symbol.asyncDispose]();
        else resource[Symbol.dispose]();
      });
      return resource;
    },
    defer: (close) => void owned.push(close),
    move() {
      const moved = createDisposer(owned);
      owned = [];
      return moved;
    },
    async [Symbol.asyncDispose]() {
      const errors: unknown[] = [];
      for (let close = owned.pop(); close; close = owned.pop()) {
        try {
          await close();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length === 1) throw errors[0];
      if (errors.length > 1) throw new AggregateError(errors, 'several resources could not be closed');
    },
  };
}
