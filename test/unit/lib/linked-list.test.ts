import { expect, test } from 'vitest';
import { LinkedList } from '../../../src/lib/linked-list.ts';

test('those who stay keep their order, wherever somebody left', () => {
  const list = new LinkedList<string>();
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((value) => list.push(value));
  for (const node of [b, d, a, b]) list.remove(node!);
  expect([...list]).toEqual(['c']);
  list.push('e');
  expect(list.shift()).toBe('c');
  list.remove(c!);
  expect([list.first, list.size, ...list]).toEqual(['e', 1, 'e']);
  expect([list.shift(), list.shift(), list.first, list.size]).toEqual(['e', undefined, undefined, 0]);
});
