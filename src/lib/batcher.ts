export interface BatcherOptions {
  /** How many batches are under way at once. */
  readonly underWay: number;
  /** Items of one batch. */
  readonly most: number;
  /** Whether a failure is about the batch as a whole: its items are otherwise run again one by one, so that none fails for another. */
  readonly concernsAll: (error: unknown) => boolean;
}

/**
 * Runs together what is asked for at the same time: an item goes alone and at once where nothing is under way, else with all that came
 * meanwhile. `run` answers in the order of its items; run again after a failure, it must find nothing of it.
 */
export function createBatcher<Item, Result>(
  run: (items: readonly Item[]) => Promise<readonly Result[]>,
  { underWay, most, concernsAll }: BatcherOptions,
): (item: Item) => Promise<Result> {
  const waiting: Asked<Item, Result>[] = [];
  let running = 0;

  async function runNext(): Promise<void> {
    running += 1;
    const batch = waiting.splice(0, most);
    try {
      const results = await run(batch.map(({ item }) => item));
      for (const [i, { resolve }] of batch.entries()) resolve(results[i]!);
    } catch (error) {
      if (batch.length === 1 || concernsAll(error)) for (const { reject } of batch) reject(error);
      else await Promise.all(batch.map(runAlone));
    } finally {
      running -= 1;
      startNext();
    }
  }

  async function runAlone({ item, resolve, reject }: Asked<Item, Result>): Promise<void> {
    try {
      const [result] = await run([item]);
      resolve(result!);
    } catch (error) {
      reject(error);
    }
  }

  function startNext(): void {
    if (running < underWay && waiting.length > 0) void runNext();
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      startNext();
    });
}

interface Asked<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}
