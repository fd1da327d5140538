import type { JsonValue } from '../contracts/json.ts';
import type { Limits } from '../contracts/stores/limits.ts';

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

/** As audit events show them: JSON has no numbers of that size. */
export function shownLimits(limits: Limits): JsonValue {
  const shown = Object.entries(limits).map(([name, size]) => [name, typeof size === 'bigint' ? String(size) : size]);
  return Object.fromEntries(shown);
}
