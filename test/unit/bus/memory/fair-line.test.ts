import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairLine, type Waiting } from '../../../../src/bus/memory/fair-line.ts';

const arrivals = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    priority: fc.nat(2),
    tokens: fc.constantFrom(1, 10, 10, 25),
    startsBefore: fc.nat(1),
    leaves: fc.boolean(),
  }),
  { maxLength: 40 },
);

type Step = Omit<Waiting, 'arrival'> & { readonly startsBefore: number; readonly leaves: boolean };

function lineOf(steps: readonly Step[]) {
  const line = new FairLine<Waiting>();
  const waiting = new Set<Waiting>();
  for (const [arrival, { key, priority, tokens, startsBefore, leaves }] of steps.entries()) {
    for (let start = 0; start < startsBefore; start += 1) waiting.delete(line.shift()!);
    const item = { key, priority, tokens, arrival };
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

test('keys share in tokens: long requests of one and short ones of another take the same', () => {
  const line = new FairLine<Waiting>();
  let arrival = 0;
  const push = (key: string, tokens: number) => line.push({ key, priority: 0, tokens, arrival: ++arrival });
  for (let each = 0; each < 20; each++) push('long', 1_000);
  for (let each = 0; each < 400; each++) push('short', 50);
  const taken = { long: 0, short: 0 };
  while (taken.long + taken.short < 20_000) {
    const { key, tokens } = line.shift()!;
    taken[key as keyof typeof taken] += tokens;
    expect(Math.abs(taken.long - taken.short)).toBeLessThanOrEqual(1_050);
  }
});

test('a key that had nothing waiting is next, but saves nothing up and owes for what it started', () => {
  const line = new FairLine<Waiting>();
  let arrival = 0;
  const push = (key: string, tokens: number) => line.push({ key, priority: 0, tokens, arrival: ++arrival });
  const next = () => line.shift()!.key;
  for (let each = 0; each < 100; each++) push('flood', 10);
  for (let each = 0; each < 50; each++) next();
  for (let each = 0; each < 20; each++) push('late', 10);
  expect([next(), next(), next(), next()]).toEqual(['late', 'flood', 'late', 'flood']);
  push('alone', 40);
  expect([next(), next()]).toEqual(['late', 'alone']);
  // It comes back as soon as it was served, each time: still it gets no more than its share.
  const starts = Array.from({ length: 12 }, () => {
    push('alone', 40);
    const started = next();
    return started;
  });
  expect(starts.filter((key) => key === 'alone').length).toBeLessThanOrEqual(2);
});

test('a key that worked while nobody waited owes nothing for it, and gets nothing of it back', () => {
  const line = new FairLine<Waiting>();
  let arrival = 0;
  const push = (key: string, tokens: number) => {
    const item = { key, priority: 0, tokens, arrival: ++arrival };
    line.push(item);
    return item;
  };
  const alone = push('alone', 100_000);
  line.shift();
  for (let each = 0; each < 10; each++) for (const key of ['alone', 'other']) push(key, 10);
  const next = () => line.shift()!.key;
  expect([next(), next(), next(), next(), next()]).toEqual(['alone', 'other', 'alone', 'other', 'alone']);
  line.refund(alone, 99_000);
  expect([next(), next(), next(), next()]).toEqual(['other', 'alone', 'other', 'alone']);
});

test('nobody who comes back starts in the past: long debts of others give it nothing', () => {
  const line = new FairLine<Waiting>();
  let arrival = 0;
  const push = (key: string, tokens: number) => line.push({ key, priority: 0, tokens, arrival: ++arrival });
  const next = () => line.shift()!.key;
  push('working', 5_000);
  push('working', 5_000);
  next();
  for (const [key, tokens] of [
    ['debtor', 1_000_000],
    ['returning', 200],
  ] as const) {
    push(key, tokens);
    next();
  }
  for (let each = 0; each < 100; each++) push('working', 5_000);
  for (let each = 0; each < 99; each++) next();
  for (let each = 0; each < 1_000; each++) push('returning', 100);
  push('new', 100);
  const starts = Array.from({ length: 4 }, next);
  expect(starts).toContain('new');
});
