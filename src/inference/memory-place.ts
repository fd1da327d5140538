/** Somewhere that models lie in memory: a GPU, main memory, or the limit that holds over all of them. */
export type Place = string;

export type PlaceBytes = ReadonlyMap<Place, number>;

/** Memory that a model asks for. */
export interface MemoryClaim {
  /** In all. */
  readonly bytes: number;
  /** Each has to find room; one place may occur in several. */
  readonly parts: readonly ClaimPart[];
}

/** Bytes in one place, or spread over several as their free memory lets them. */
export interface ClaimPart {
  readonly places: readonly Place[];
  readonly bytes: number;
}

/** Where a claim lies, or else the parts of it that found no room, with the bytes that are missing. */
export type Placement =
  | { readonly type: 'placed'; readonly holding: PlaceBytes }
  | { readonly type: 'short'; readonly shortages: readonly ClaimPart[] };

export function placeClaim({ parts }: MemoryClaim, free: PlaceBytes): Placement {
  const left = new Map(free);
  const holding = new Map<Place, number>();
  const shortages: ClaimPart[] = [];
  for (const { places, bytes } of parts) {
    let available = places.reduce((sum, place) => sum + (left.get(place) ?? 0), 0);
    if (available < bytes) shortages.push({ places, bytes: bytes - available });
    let remaining = Math.min(bytes, available);
    for (const place of places) {
      const room = left.get(place) ?? 0;
      const taken = room === available ? remaining : Math.ceil((remaining * room) / available);
      available -= room;
      remaining -= taken;
      left.set(place, room - taken);
      if (taken > 0) holding.set(place, (holding.get(place) ?? 0) + taken);
    }
  }
  return shortages.length === 0 ? { type: 'placed', holding } : { type: 'short', shortages };
}

export function withoutHoldings(capacities: PlaceBytes, holdings: Iterable<PlaceBytes>): Map<Place, number> {
  const free = new Map(capacities);
  for (const holding of holdings) for (const [place, bytes] of holding) free.set(place, (free.get(place) ?? 0) - bytes);
  return free;
}

export function withHolding(free: PlaceBytes, holding: PlaceBytes): Map<Place, number> {
  const more = new Map(free);
  for (const [place, bytes] of holding) more.set(place, (more.get(place) ?? 0) + bytes);
  return more;
}

export function liesIn(holding: PlaceBytes, parts: readonly ClaimPart[]): boolean {
  return parts.some(({ places }) => places.some((place) => (holding.get(place) ?? 0) > 0));
}
