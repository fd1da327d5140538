import type { Percentiles } from '../contracts/stores/usage.ts';

/** Of sluice_histogram's places: no value of a place is further from its middle than 4.8 %. */
const places = 256;
const placeOfOne = 97;
const ratio = 1.1;

/** The percentiles of a histogram, which numeric_send wrote; null where it is empty. */
export function percentilesOf(histogram: Uint8Array): Percentiles | null {
  const counts = countsOf(histogram);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  return { p50: middleOf(placeAt(counts, total * 50)), p95: middleOf(placeAt(counts, total * 95)) };
}

/** The lowest place with at least that many hundredths of a value in it and below. */
function placeAt(counts: readonly number[], hundredths: number): number {
  let soFar = 0;
  return counts.findIndex((count) => {
    soFar += count;
    return soFar * 100 >= hundredths;
  });
}

/**
 * The digits of the number, twelve to a place. They come in groups of four, the highest first and without the zeros at either end, after
 * their number, the power of 10⁴ that the first stands for, and four bytes that are the same for all of ours.
 */
function countsOf(numeric: Uint8Array): number[] {
  const view = new DataView(numeric.buffer, numeric.byteOffset, numeric.byteLength);
  const groups = view.getInt16(0);
  const highest = view.getInt16(2);
  const counts = new Array<number>(places).fill(0);
  for (let group = 0; group < groups; group++) {
    const power = highest - group;
    counts[Math.floor(power / 3)]! += view.getInt16(8 + 2 * group) * 10_000 ** (power % 3);
  }
  return counts;
}

function middleOf(place: number): number {
  return place === 0 ? 0 : (2 * ratio ** (place - placeOfOne)) / (1 + ratio);
}
