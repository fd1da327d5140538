import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairLine, type Waiting } from '../../../../src/bus/memory/fair-line.ts';

const arrivals = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    priority: fc.nat(2),
    startsBefore: fc.nat(1),
    leaves: fc.boolean(),
  }),
  { maxLength: 40 },
);

function lineOf(steps: readonly { key: string; priority: number; startsBefore: number; leaves: boolean }[]) {
  const line = new FairLine<Waiting>();
  const waiting = new Set<Waiting>();
  for (const [arrival, { key, priority, startsBefore, leaves }] of steps.entries()) {
    for (let start = 0; start < startsBefore; start += 1) waiting.delete(line.shift()!);
    const item = { key, priority, arrival };
    line.push(item);
    waiting.add(item);
    if (leaves) {
      const [oldest] = waiting;
      if (oldest) {
        expect(line.remove(oldest)).toBe(true);
        expect(line.remove(oldest)).toBe(false);
        waiting.delete(oldest);
      }
    }
  }
  return { line, waiting };
}

test('the order that is foretold is the order of the starts, and every position agrees with it', () => {
  fc.assert(
    fc.property(arrivals, (steps) => {
      const { line, waiting } = lineOf(steps);
      expect(line.size).toBe(waiting.size);
      const foretold = [...line.inStartOrder()];
      expect(foretold.map((item) => line.positionOf(item))).toEqual(foretold.map((_, position) => position));
      expect(new Set(foretold)).toEqual(waiting);
      const started: Waiting[] = [];
      for (let item = line.shift(); item; item = line.shift()) started.push(item);
      expect(started).toEqual(foretold);
      expect(line.size).toBe(0);
    }),
  );
});
