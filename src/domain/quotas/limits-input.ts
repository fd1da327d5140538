import { z } from 'zod';
import type { Limits } from '../../contracts/stores/limits.ts';

const count = z.int().min(1).max(2_147_483_647).nullish();
/** As large as a column of the database takes. */
const bigCount = z.coerce
  .bigint()
  .min(1n)
  .max(2n ** 63n - 1n)
  .nullish();

export const noLimits: Limits = {
  requestsPerMinute: null,
  tokensPerMinute: null,
  concurrentCompletions: null,
  tokensPerDay: null,
  tokensPerMonth: null,
  costPerMonth: null,
};

/** Each limit given is set, or lifted where it is null; one that is left out stays as it is. */
export const limitsSchema = z.strictObject({
  requestsPerMinute: count,
  tokensPerMinute: count,
  concurrentCompletions: count,
  tokensPerDay: bigCount,
  tokensPerMonth: bigCount,
  /** Nanos of the currency: the faces turn decimals into them. */
  costPerMonth: bigCount,
});

type GivenLimits = z.output<typeof limitsSchema>;

export function givenLimits(limits: GivenLimits): Partial<Limits> {
  return Object.fromEntries(Object.entries(limits).filter(([, size]) => size !== undefined));
}

/** Null in place of limits lifts them all. */
export function changedLimits(limits: GivenLimits | null): Partial<Limits> {
  return limits === null ? noLimits : givenLimits(limits);
}
