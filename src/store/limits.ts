import type { Limits } from '../contracts/stores.ts';

/** The columns of limits, the same on projects and keys. */
export function limitsOf(row: Limits): Limits {
  return {
    requestsPerMinute: row.requestsPerMinute,
    tokensPerMinute: row.tokensPerMinute,
    concurrentCompletions: row.concurrentCompletions,
    tokensPerDay: row.tokensPerDay,
    tokensPerMonth: row.tokensPerMonth,
    costPerMonth: row.costPerMonth,
  };
}
