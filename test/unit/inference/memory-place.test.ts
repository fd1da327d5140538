import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type MemoryClaim, placeClaim, withHolding, withoutHoldings } from '../../../src/inference/memory-place.ts';

const names = ['a', 'b', 'c', 'd'];
const freeOf = fc.array(fc.nat(1_000), { minLength: names.length, maxLength: names.length }).map((bytes) => {
  return new Map(names.map((name, index) => [name, bytes[index]!]));
});
const part = fc.record({
  places: fc.subarray(names, { minLength: 1 }),
  bytes: fc.nat(1_500),
});
const claimOf = fc.array(part, { maxLength: 4 }).map((parts): MemoryClaim => {
  return { bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0), parts };
});
const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);

test('what is placed takes its bytes exactly, in whole bytes, and no place more than it has free', () => {
  fc.assert(
    fc.property(freeOf, claimOf, (free, claim) => {
      const placement = placeClaim(claim, free);
      if (placement.type === 'short') return;
      expect(sum(placement.holding.values())).toBe(claim.bytes);
      for (const [place, bytes] of placement.holding) {
        expect(Number.isInteger(bytes)).toBe(true);
        expect(bytes).toBeLessThanOrEqual(free.get(place)!);
        expect(claim.parts.some(({ places }) => places.includes(place))).toBe(true);
      }
      expect(withHolding(withoutHoldings(free, [placement.holding]), placement.holding)).toEqual(free);
    }),
    { numRuns: 2_000 },
  );
});

test('one part is short of exactly what its places have too little', () => {
  fc.assert(
    fc.property(freeOf, part, (free, { places, bytes }) => {
      const available = sum(places.map((place) => free.get(place)!));
      const placement = placeClaim({ bytes, parts: [{ places, bytes }] }, free);
      if (bytes <= available) expect(placement.type).toBe('placed');
      else expect(placement).toEqual({ type: 'short', shortages: [{ places, bytes: bytes - available }] });
    }),
    { numRuns: 2_000 },
  );
});

test('bytes that are spread lie as the free memory does', () => {
  const free = new Map([
    ['a', 60],
    ['b', 30],
    ['c', 500],
  ]);
  const placement = placeClaim({ bytes: 45, parts: [{ places: ['a', 'b'], bytes: 45 }] }, free);
  expect(placement).toEqual({
    type: 'placed',
    holding: new Map([
      ['a', 30],
      ['b', 15],
    ]),
  });
});
