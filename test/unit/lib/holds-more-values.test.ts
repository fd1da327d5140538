import { expect, it } from 'vitest';
import { holdsMoreValues } from '../../../src/lib/holds-more-values.ts';

it('counts what lists and objects hold, at any depth', () => {
  const value = { a: [1, 2, { b: null }], c: 'text' };
  expect(holdsMoreValues(value, 6)).toBe(false);
  expect(holdsMoreValues(value, 5)).toBe(true);
});

it('takes a long text for the one value that it is', () => {
  expect(holdsMoreValues('x'.repeat(1_000_000), 0)).toBe(false);
  expect(holdsMoreValues(null, 0)).toBe(false);
});
