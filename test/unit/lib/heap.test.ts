import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap } from '../../../src/lib/heap.ts';

const steps = fc.array(
  fc.oneof(fc.record({ add: fc.nat(20) }), fc.record({ remove: fc.nat(100) }), fc.constant('shift')),
  {
    maxLength: 100,
  },
);

test('the first is always the least, whoever left in between', () => {
  fc.assert(
    fc.property(steps, (actions) => {
      const heap = new Heap<{ rank: number }>((a, b) => a.rank < b.rank);
      const held: { rank: number }[] = [];
      for (const action of actions) {
        if (typeof action === 'string') {
          const least = Math.min(...held.map(({ rank }) => rank));
          const shifted = heap.shift();
          expect(shifted?.rank).toBe(held.length > 0 ? least : undefined);
          if (shifted) held.splice(held.indexOf(shifted), 1);
        } else if ('add' in action) {
          const item = { rank: action.add };
          heap.push(item);
          held.push(item);
        } else {
          const [item] = held.splice(action.remove % Math.max(held.length, 1), 1);
          if (item) expect([heap.remove(item), heap.remove(item)]).toEqual([true, false]);
        }
        expect(heap.size).toBe(held.length);
        expect(new Set(heap)).toEqual(new Set(held));
      }
      const ranks: number[] = [];
      for (let item = heap.shift(); item; item = heap.shift()) ranks.push(item.rank);
      expect(ranks).toEqual(held.map(({ rank }) => rank).sort((a, b) => a - b));
    }),
  );
});
