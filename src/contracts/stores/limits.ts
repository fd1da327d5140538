/** What a key or a project may use at most; null is without bound. */
export interface Limits {
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  readonly concurrentCompletions: number | null;
  readonly tokensPerDay: bigint | null;
  readonly tokensPerMonth: bigint | null;
  /** 10⁻⁹ of the configured currency. */
  readonly costPerMonth: bigint | null;
}
