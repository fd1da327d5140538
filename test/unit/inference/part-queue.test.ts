import { expect, test } from 'vitest';
import type { InferencePart } from '../../../src/contracts/inference.ts';
import { createPartQueue } from '../../../src/inference/part-queue.ts';

const started: InferencePart = { type: 'started', cachedPromptTokens: 0 };
const delta = (text: string): InferencePart => ({ type: 'delta', choices: [{ index: 0, text, tokens: 1 }] });
const done = { done: true, value: undefined };

function open() {
  let leaves = 0;
  const queue = createPartQueue(() => {
    leaves += 1;
    queue.push(delta('too late'));
  });
  return { queue, next: queue.parts[Symbol.asyncIterator](), leaves: () => leaves };
}

test('parts come in order; deltas that nobody fetched yet are merged', async () => {
  const { queue, next, leaves } = open();
  for (const part of [started, delta('a'), delta('b')]) queue.push(part);
  expect((await next.next()).value).toEqual(started);
  const merged = { type: 'delta', choices: [{ index: 0, text: 'ab', tokens: 2 }] };
  expect((await next.next()).value).toEqual(merged);
  const pending = next.next();
  queue.push(delta('c'));
  expect((await pending).value).toEqual(delta('c'));
  queue.end();
  expect([await next.next(), await next.next()]).toEqual([done, done]);
  expect(leaves()).toBe(0);
});

test('a failure comes after what was produced before it, once', async () => {
  const { queue, next, leaves } = open();
  queue.push(started);
  queue.fail(new Error('broken'));
  queue.push(delta('too late'));
  expect((await next.next()).value).toEqual(started);
  await expect(next.next()).rejects.toThrow('broken');
  expect(await next.next()).toEqual(done);
  expect(leaves()).toBe(0);
});

test('a failure reaches who waits', async () => {
  const { queue, next } = open();
  const pending = next.next();
  queue.fail(new Error('broken'));
  await expect(pending).rejects.toThrow('broken');
  expect(await next.next()).toEqual(done);
});

test('leaving ends a pending next at once, drops what is left, and is told once', async () => {
  const { queue, next, leaves } = open();
  queue.push(started);
  await next.next();
  const pending = next.next();
  expect(await next.return!()).toEqual(done);
  expect([await pending, await next.next()]).toEqual([done, done]);
  await next.return!();
  expect(leaves()).toBe(1);
});

test('leaving what has ended is told nobody', async () => {
  const { queue, next, leaves } = open();
  queue.push(started);
  queue.end();
  expect(await next.return!()).toEqual(done);
  expect([await next.next(), leaves()]).toEqual([done, 0]);
});
