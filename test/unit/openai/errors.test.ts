import { describe, expect, it } from 'vitest';
import { DomainError, type ErrorCode, type ErrorFacts, errorCodes } from '../../../src/contracts/errors.ts';
import { answerError, maskedError } from '../../../src/openai/errors.ts';

const told = (code: ErrorCode, facts: ErrorFacts = {}) => {
  const { status, headers, body } = answerError(new DomainError(code, `about ${code}`, facts))!;
  return { status, retry: headers['x-should-retry'], after: headers['retry-after'], ...body.error };
};

describe('an error in OpenAI’s terms', () => {
  it.each([
    ['UNAUTHENTICATED', 401, 'invalid_api_key'],
    ['FORBIDDEN', 403, 'insufficient_permissions'],
    ['NOT_FOUND', 404, 'not_found'],
    ['INVALID_INPUT', 400, 'invalid_value'],
    ['PAYLOAD_TOO_LARGE', 413, 'payload_too_large'],
    ['MODEL_NOT_FOUND', 404, 'model_not_found'],
    ['MODEL_UNAVAILABLE', 503, 'model_unavailable'],
    ['CONTEXT_LENGTH_EXCEEDED', 400, 'context_length_exceeded'],
    ['RATE_LIMITED', 429, 'rate_limit_exceeded'],
    ['QUOTA_EXCEEDED', 429, 'insufficient_quota'],
    ['OVERLOADED', 503, 'overloaded'],
    ['IDEMPOTENCY_CONFLICT', 409, 'idempotency_conflict'],
    ['OFFSET_EXPIRED', 410, 'offset_expired'],
    ['CANCELLED', 409, 'cancelled'],
    ['TIMEOUT', 504, 'timeout'],
    ['ENGINE_CRASHED', 500, 'engine_crashed'],
    ['INTERRUPTED', 503, 'interrupted'],
    ['INTERNAL', 500, 'internal_error'],
  ] as const)('%s is %i with the code %s', (code, status, shown) => {
    expect(told(code)).toMatchObject({ status, code: shown, message: expect.stringContaining(code) });
  });

  it('says of every status that clients repeat by themselves when to, or not to', () => {
    for (const code of errorCodes) {
      const { status } = told(code);
      const repeated = status === 409 || status === 429 || status >= 500;
      expect(told(code).retry, code).toBe(repeated ? 'false' : undefined);
      expect(told(code, { retryAfterSeconds: 1.2 }), code).toMatchObject({ retry: undefined, after: '2' });
    }
    expect(told('QUOTA_EXCEEDED', { retryAfterSeconds: 3_600 })).toMatchObject({ retry: 'false', after: '3600' });
    expect(told('RATE_LIMITED', { retryAfterSeconds: 1, neverFits: true })).toMatchObject({
      retry: 'false',
      after: undefined,
    });
  });

  it('names a parameter as the request did', () => {
    const issue = (...path: string[]) => ({ issues: [{ path, code: 'c', message: 'is wrong.' }] });
    expect(told('INVALID_INPUT', issue('maxTokens'))).toMatchObject({
      param: 'max_tokens',
      message: "Invalid value for 'max_tokens': is wrong.",
    });
    expect(told('INVALID_INPUT', issue('messages', '3', 'content')).param).toBe('messages[3].content');
    expect(told('INVALID_INPUT', issue('tokens', '7')).param).toBe('prompt[7]');
  });

  it('tells nothing of a bug but where to find it', () => {
    expect(answerError(new TypeError('secret'))).toBeUndefined();
    expect(maskedError('req_1')).toMatchObject({
      status: 500,
      headers: { 'x-should-retry': 'false' },
      body: { error: { code: 'internal_error', message: expect.stringContaining('req_1') } },
    });
  });
});
