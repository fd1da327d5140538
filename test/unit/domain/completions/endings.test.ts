import { expect, test } from 'vitest';
import { failed, finishReasonOf, stoppedEnding } from '../../../../src/domain/completions/endings.ts';

test.each([
  ['cancelled', 'CANCELLED'],
  ['abandoned', 'CANCELLED'],
  ['timeout', 'TIMEOUT'],
  ['shutdown', 'ERROR'],
] as const)('choices that were open when their completion was stopped (%s) say %s', (reason, finishReason) => {
  expect(finishReasonOf(stoppedEnding(reason))).toBe(finishReason);
});

test('choices that were open when the engine failed say ERROR', () => {
  expect(finishReasonOf(failed({ code: 'ENGINE_CRASHED', message: 'gone' }))).toBe('ERROR');
});
