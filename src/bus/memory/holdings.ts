/** Places in a line, taken or waited in, and their prompt tokens. */
export interface Holding {
  readonly places: number;
  readonly promptTokens: number;
}

/** Who holds how much of a line. */
export interface Holdings {
  readonly total: Holding;
  of(key: string): Holding;
  /** Keys that hold something, this one included. */
  keysWith(key: string): number;
  /** About how many start before the key's next: its own, and of every other key as many turns as that takes. */
  placesBefore(key: string): number;
  take(key: string, promptTokens: number): void;
  leave(key: string, promptTokens: number): void;
}

const nothing: Holding = { places: 0, promptTokens: 0 };

export function createHoldings(): Holdings {
  const byKey = new Map<string, Holding>();
  let total = nothing;

  const of = (key: string) => byKey.get(key) ?? nothing;

  function change(key: string, places: number, promptTokens: number): void {
    const own = sum(of(key), places, promptTokens);
    if (own.places > 0) byKey.set(key, own);
    else byKey.delete(key);
    total = sum(total, places, promptTokens);
  }

  return {
    get total() {
      return total;
    },
    of,
    keysWith: (key) => byKey.size + (byKey.has(key) ? 0 : 1),
    placesBefore(key) {
      const own = of(key).places;
      let before = own;
      for (const [other, { places }] of byKey) if (other !== key) before += Math.min(places, own + 1);
      return before;
    },
    take: (key, promptTokens) => change(key, 1, promptTokens),
    leave: (key, promptTokens) => change(key, -1, -promptTokens),
  };
}

function sum(holding: Holding, places: number, promptTokens: number): Holding {
  return { places: holding.places + places, promptTokens: holding.promptTokens + promptTokens };
}
