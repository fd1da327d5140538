import { expect, test } from 'vitest';
import { sharedPrefix } from '../../../src/lib/shared-prefix.ts';

test('two lists share what they begin with, up to the end of the shorter one', () => {
  expect(sharedPrefix([1, 2, 3], [1, 2, 4])).toBe(2);
  expect(sharedPrefix([1, 2], [1, 2, 4])).toBe(2);
  expect(sharedPrefix([1, 2, 4], [1, 2])).toBe(2);
  expect(sharedPrefix([], [1])).toBe(0);
});

test('the second one may be looked at from a later item on', () => {
  expect(sharedPrefix([3, 4, 9], [1, 2, 3, 4, 5], 2)).toBe(2);
  expect(sharedPrefix([3], [1, 2], 2)).toBe(0);
  expect(sharedPrefix([3], [1, 2], 3)).toBe(0);
});
