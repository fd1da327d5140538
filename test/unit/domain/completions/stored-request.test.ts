import { expect, test } from 'vitest';
import { createCompletionInputCheck } from '../../../../src/domain/completions/input.ts';
import { promptOf, requestOf } from '../../../../src/domain/completions/stored-request.ts';

const check = createCompletionInputCheck({ maxN: 8, maxStop: 16 });

test.each([
  [{ prompt: 'Once upon a time' }],
  [{ messages: [{ role: 'USER', content: 'Hello' }] }],
  [{ tokens: [1, 2, 3] }],
])('what is stored of %j is the prompt that was asked for', (asked) => {
  const input = check({ model: 'scripted', ...asked });
  expect(promptOf(requestOf(input))).toEqual(input.prompt);
});
