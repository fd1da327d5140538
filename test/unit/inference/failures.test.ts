import { expect, test } from 'vitest';
import {
  engineCrashed,
  engineStopped,
  modelUnavailable,
  promptTooLong,
  tokenizerCrashed,
  tokenizerStopped,
} from '../../../src/inference/failures.ts';

test('failures that pass say when to try again, in words and as a fact', () => {
  for (const failure of [
    engineCrashed(),
    engineStopped(),
    tokenizerCrashed(),
    tokenizerStopped(),
    modelUnavailable('it broke', 29.2),
  ]) {
    const { retryAfterSeconds } = failure.facts;
    expect(retryAfterSeconds).toBeGreaterThan(0);
    expect(failure.message).toContain(`. Try again in ${retryAfterSeconds} s.`);
  }
  expect(modelUnavailable('it broke', 29.2).message).toBe('The model is not available: it broke. Try again in 30 s.');
  expect(modelUnavailable('It broke.', 0).message).toBe('The model is not available: It broke. Try again in 1 s.');
});

test('a prompt that is too long says what fits, and what to do', () => {
  expect(promptTooLong('m', 900, 512)).toMatchObject({
    code: 'CONTEXT_LENGTH_EXCEEDED',
    message: 'The prompt has at least 900 tokens; m holds 512. Shorten the prompt.',
    facts: { promptTokens: 900, contextSize: 512 },
  });
});
