import { describe, expect, it } from 'vitest';
import type { LimitRefusal } from '../../../../src/contracts/stores/admission.ts';
import { limitError } from '../../../../src/domain/quotas/refusal.ts';

const refusal: LimitRefusal = {
  name: 'tokensPerDay',
  scope: 'API_KEY',
  limit: 100n,
  used: 90n,
  requested: 20n,
  resetsAt: new Date('2026-03-02T00:00:00Z'),
  retryAfterSeconds: 600,
  neverFits: false,
};

describe('the error of a refused admission', () => {
  it.each([
    ['requestsPerMinute', 'RATE_LIMITED'],
    ['tokensPerMinute', 'RATE_LIMITED'],
    ['concurrentCompletions', 'RATE_LIMITED'],
    ['tokensPerDay', 'QUOTA_EXCEEDED'],
    ['tokensPerMonth', 'QUOTA_EXCEEDED'],
    ['costPerMonth', 'QUOTA_EXCEEDED'],
  ] as const)('of %s is %s', (name, code) => {
    expect(limitError({ ...refusal, name }).code).toBe(code);
  });

  it('carries the facts and says when to come back, or that waiting cannot help', () => {
    const { name, scope, requested: _, neverFits: __, ...facts } = refusal;
    expect(limitError(refusal).facts).toEqual({ ...facts, limitName: name, limitScope: scope });
    expect(limitError(refusal).message).toMatch(/90 taken.*needs 20.*Try again in 600 s/u);
    expect(limitError({ ...refusal, neverFits: true }).message).toMatch(/alone is larger/u);
    expect(limitError({ ...refusal, resetsAt: null, scope: 'PROJECT' })).toMatchObject({
      message: expect.stringMatching(/^This project's/u),
      facts: expect.not.objectContaining({ resetsAt: expect.anything() }),
    });
  });
});
