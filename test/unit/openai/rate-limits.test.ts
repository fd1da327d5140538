import { describe, expect, it } from 'vitest';
import type { LimitState } from '../../../src/contracts/stores/admission.ts';
import type { Principal } from '../../../src/domain/access/principal.ts';
import { createRateLimits, formatDuration, rateLimitHeaders } from '../../../src/openai/rate-limits.ts';

const state = (changes: Partial<LimitState>): LimitState => ({
  name: 'requestsPerMinute',
  scope: 'API_KEY',
  limit: 10n,
  used: 0n,
  resetsAt: null,
  ...changes,
});

describe('rate limit headers', () => {
  it('tell the limit of a kind that leaves the least, and never less than nothing', () => {
    const headers = rateLimitHeaders(
      [
        state({ limit: 10n, used: 4n }),
        state({ scope: 'PROJECT', limit: 100n, used: 99n, resetsAt: new Date(61_500) }),
        state({ name: 'tokensPerMinute', limit: 50n, used: 60n, resetsAt: new Date(0) }),
        state({ name: 'tokensPerDay', limit: 5_000n, used: 1n }),
        state({ name: 'concurrentCompletions', limit: 1n, used: 1n }),
      ],
      1_000,
    );
    expect(headers).toEqual({
      'x-ratelimit-limit-requests': '100',
      'x-ratelimit-remaining-requests': '1',
      'x-ratelimit-reset-requests': '1m1s',
      'x-ratelimit-limit-tokens': '50',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '0ms',
    });
  });

  it.each([
    [0, '0ms'],
    [119.2, '120ms'],
    [1_500, '1.5s'],
    [60_000, '1m0s'],
    [7_384_000, '2h3m4s'],
  ])('write %d ms as %s', (milliseconds, text) => expect(formatDuration(milliseconds)).toBe(text));

  it('do not ask again soon for a key without limits, and always for one that has some', async () => {
    let now = 0;
    let asked = 0;
    let states: LimitState[] = [];
    const limits = createRateLimits(
      {
        async limits() {
          asked += 1;
          return states;
        },
      },
      () => now,
    );
    const principal = { apiKeyId: 'key' } as Principal;
    await limits.headers(principal);
    await limits.headers(principal);
    expect(asked).toBe(1);
    now += 6_000;
    states = [state({})];
    await limits.headers(principal);
    expect(await limits.headers(principal)).toMatchObject({ 'x-ratelimit-remaining-requests': '10' });
    expect(asked).toBe(3);
  });
});
