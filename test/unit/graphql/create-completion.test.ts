import { describe, expect, it } from 'vitest';
import { DomainError, type ErrorCode, type ErrorFacts } from '../../../src/contracts/errors.ts';
import { createCompletionInputCheck } from '../../../src/domain/completions/input.ts';
import { answer, codesOf, completionId, completionWith, fakeServices, globalId, query } from './fixtures.ts';

const createSource = `mutation ($input: CreateCompletionInput!) {
  createCompletion(input: $input) {
    __typename
    ... on CreateCompletionPayload { completion { id status error { __typename code message } choices { text } } }
    ... on UserError { code message }
    ... on InvalidInputError { issues { path code message } }
    ... on ContextLengthExceededError { promptTokens contextSize }
    ... on RateLimitedError { retryAfterSeconds limitName limitScope limit used resetsAt }
    ... on QuotaExceededError { retryAfterSeconds limitName limitScope limit used resetsAt }
    ... on OverloadedError { retryAfterSeconds }
  }
}`;
const input = { model: 'starter', prompt: 'Hi' };

function refusing(code: ErrorCode, facts: ErrorFacts = {}) {
  const error = new DomainError(code, `about ${code}`, facts);
  return { services: fakeServices({ completions: { create: () => Promise.reject(error) } }) };
}

describe('createCompletion', () => {
  it('hands the domain what it was given, names and values untouched', async () => {
    let seen: unknown;
    const services = fakeServices({
      completions: {
        create: async (_principal, raw) => {
          seen = raw;
          return { completion: completionWith(), created: true };
        },
      },
    });
    const everything = {
      model: 'starter',
      messages: [{ role: 'USER', content: 'Hi' }],
      mode: 'STREAM',
      maxTokens: 5,
      n: 2,
      stop: ['a'],
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      minP: 0.1,
      seed: 4_294_967_295,
      presencePenalty: -1,
      frequencyPenalty: 1,
      repeatPenalty: 1.1,
      logitBias: { 7: -100 },
      user: 'u',
      metadata: { a: [null, 1] },
      idempotencyKey: 'k',
      priority: -3,
      timeoutSeconds: 1.5,
      store: false,
    };
    await answer(createSource, { services }, { input: everything });
    expect(seen).toEqual(everything);
    expect(() => createCompletionInputCheck({ maxN: 8, maxStop: 16 })(seen)).not.toThrow();
  });

  it('takes written-out JSON as well as variables', async () => {
    let seen: unknown;
    const services = fakeServices({
      completions: {
        create: async (_principal, raw) => {
          seen = createCompletionInputCheck({ maxN: 8, maxStop: 16 })(raw);
          return { completion: completionWith(), created: true };
        },
      },
    });
    await answer(
      `mutation { createCompletion(input: { model: "starter", messages: [{ role: USER, content: "Hi" }], seed: 3000000000,
        metadata: { a: [1, { b: null }] } }) { __typename } }`,
      { services },
    );
    expect(seen).toMatchObject({ metadata: { a: [1, { b: null }] }, sampling: { seed: 3_000_000_000 } });
  });

  it('waits for the end with WAIT, which is the default, and only then', async () => {
    const running = completionWith({ status: 'RUNNING', finishedAt: null });
    const services = fakeServices({
      completions: {
        create: async () => ({ completion: running, created: true }),
        waitForEnd: async () => completionWith({ status: 'SUCCEEDED' }),
      },
    });
    const statusFor = async (mode: string | undefined) => {
      const data = await answer(createSource, { services }, { input: mode ? { ...input, mode } : input });
      return (data.createCompletion as { completion: { status: string } }).completion.status;
    };
    expect(await statusFor(undefined)).toBe('SUCCEEDED');
    expect(await statusFor('WAIT')).toBe('SUCCEEDED');
    expect(await statusFor('STREAM')).toBe('RUNNING');
    expect(await statusFor('BACKGROUND')).toBe('RUNNING');
  });

  it('answers a completion that failed as the payload, with its error and the text so far', async () => {
    const failed = completionWith({
      status: 'FAILED',
      error: { code: 'TIMEOUT', message: 'too late' },
      choices: [{ index: 0, text: 'hel', finishReason: 'TIMEOUT', stopSequence: null }],
    });
    const services = fakeServices({ completions: { waitForEnd: async () => failed } });
    expect((await answer(createSource, { services }, { input })).createCompletion).toEqual({
      __typename: 'CreateCompletionPayload',
      completion: {
        id: globalId('Completion', completionId()),
        status: 'FAILED',
        error: { __typename: 'TimeoutError', code: 'TIMEOUT', message: 'too late' },
        choices: [{ text: 'hel' }],
      },
    });
  });

  it.each([
    ['INVALID_INPUT', 'InvalidInputError', { issues: [{ path: ['stop', '0'], code: 'c', message: 'm' }] }],
    ['PAYLOAD_TOO_LARGE', 'PayloadTooLargeError', {}],
    ['MODEL_NOT_FOUND', 'ModelNotFoundError', {}],
    ['MODEL_UNAVAILABLE', 'ModelUnavailableError', {}],
    ['CONTEXT_LENGTH_EXCEEDED', 'ContextLengthExceededError', { promptTokens: 9, contextSize: 8 }],
    ['OVERLOADED', 'OverloadedError', { retryAfterSeconds: 2 }],
    ['IDEMPOTENCY_CONFLICT', 'IdempotencyConflictError', {}],
  ] as const)('answers %s as %s with its facts', async (code, typename, facts) => {
    expect((await answer(createSource, refusing(code, facts), { input })).createCompletion).toEqual({
      __typename: typename,
      code,
      message: `about ${code}`,
      ...facts,
    });
  });

  it.each([
    ['RATE_LIMITED', 'RateLimitedError', 'requestsPerMinute', 60n, 'REQUESTS_PER_MINUTE', '60'],
    ['QUOTA_EXCEEDED', 'QuotaExceededError', 'costPerMonth', 12_500_000_000n, 'COST_PER_MONTH', '12.5'],
  ] as const)(
    'answers %s with the limit: counts as counts, money as money',
    async (code, typename, limitName, limit, shownName, shown) => {
      const resetsAt = new Date('2026-02-01T00:00:00Z');
      const facts = { retryAfterSeconds: 3, limitName, limitScope: 'PROJECT', limit, used: limit, resetsAt } as const;
      expect((await answer(createSource, refusing(code, facts), { input })).createCompletion).toEqual({
        __typename: typename,
        code,
        message: `about ${code}`,
        retryAfterSeconds: 3,
        limitName: shownName,
        limitScope: 'PROJECT',
        limit: shown,
        used: shown,
        resetsAt: '2026-02-01T00:00:00.000Z',
      });
    },
  );

  it.each(['UNAUTHENTICATED', 'FORBIDDEN'] as const)('answers %s at the top level', async (code) => {
    expect(await codesOf(createSource, refusing(code), { input })).toEqual([code]);
  });

  it('answers a bug masked, at the top level', async () => {
    const services = fakeServices({ completions: { create: () => Promise.reject(new TypeError('secret')) } });
    const { errors } = await query(createSource, { services }, { input });
    expect(errors.map(({ extensions }) => extensions)).toEqual([{ code: 'INTERNAL', requestId: 'request-1' }]);
    expect(JSON.stringify(errors)).not.toContain('secret');
  });

  it('passes on that the caller left, which is nobody else’s fault', async () => {
    const leaving = new AbortController();
    const services = fakeServices({
      completions: {
        waitForEnd: async (_principal, _completion, signal) => {
          leaving.abort(new Error('socket closed'));
          signal.throwIfAborted();
          return completionWith();
        },
      },
    });
    expect(await codesOf(createSource, { services, signal: leaving.signal }, { input })).toEqual(['CANCELLED']);
  });
});

it('cancelCompletion answers an id that cannot be one of ours like an unknown one', async () => {
  const source = 'mutation { cancelCompletion(input: { id: "nonsense" }) { __typename ... on UserError { code } } }';
  expect((await answer(source)).cancelCompletion).toEqual({ __typename: 'NotFoundError', code: 'NOT_FOUND' });
});
