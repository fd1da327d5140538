import { expect, test } from 'vitest';
import { createPullIterator } from '../../../src/lib/pull-iterator.ts';

const done = { done: true, value: undefined };

function open(signal = new AbortController().signal) {
  const items: string[] = [];
  let over = false;
  let ends = 0;
  const { iterator, wake, fail } = createPullIterator<string>(
    {
      take() {
        const item = items.shift();
        if (item === 'bad') throw new Error('broken');
        return item;
      },
      isOver: () => over && items.length === 0,
      onWait: () => {},
      onEnd: () => {
        ends += 1;
      },
    },
    signal,
  );
  return {
    iterator,
    wake,
    fail,
    items,
    finish: () => {
      over = true;
    },
    ends: () => ends,
  };
}

test('items and the end reach those who wait, in order; it ends once, with the last item', async () => {
  const { iterator, items, wake, finish, ends } = open();
  const pending = [iterator.next(), iterator.next(), iterator.next(), iterator.next()];
  items.push('a');
  expect(wake()).toBe(true);
  items.push('b', 'c');
  finish();
  expect(wake()).toBe(false);
  expect((await Promise.all(pending)).map(({ value }) => value)).toEqual(['a', 'b', 'c', undefined]);
  expect(ends()).toBe(1);
  await iterator.return?.();
  expect(ends()).toBe(1);
});

test('return and throw end a pending next at once', async () => {
  const returned = open();
  const pending = [returned.iterator.next(), returned.iterator.next()];
  expect(await returned.iterator.return?.()).toEqual(done);
  expect(returned.ends()).toBe(1);
  expect(await Promise.all(pending)).toEqual([done, done]);
  const thrown = open();
  const next = thrown.iterator.next();
  await expect(thrown.iterator.throw?.(new Error('given up'))).rejects.toThrow('given up');
  expect(await next).toEqual(done);
});

test('an abort ends it at once, and items that remain are not handed out', async () => {
  const abort = new AbortController();
  const { iterator, items, ends } = open(abort.signal);
  const next = iterator.next();
  abort.abort();
  expect(ends()).toBe(1);
  items.push('late');
  expect([await next, await iterator.next()]).toEqual([done, done]);
});

test('where the signal had aborted before, nothing begins and so nothing ends', async () => {
  const { iterator, items, ends } = open(AbortSignal.abort());
  items.push('a');
  expect(await iterator.next()).toEqual(done);
  expect(ends()).toBe(0);
});

test('a failure is told once, to who has waited longest, and ends it', async () => {
  const { iterator, fail, ends } = open();
  const pending = [iterator.next(), iterator.next()];
  fail(new Error('broken'));
  await expect(pending[0]).rejects.toThrow('broken');
  expect(await pending[1]).toEqual(done);
  expect(await iterator.next()).toEqual(done);
  expect(ends()).toBe(1);
});

test('what the source throws instead of an item is told who asked, in turn, and ends it', async () => {
  const asked = open();
  asked.items.push('a', 'bad', 'b');
  expect((await asked.iterator.next()).value).toBe('a');
  await expect(asked.iterator.next()).rejects.toThrow('broken');
  expect([await asked.iterator.next(), asked.ends()]).toEqual([done, 1]);

  const waiting = open();
  const pending = [waiting.iterator.next(), waiting.iterator.next(), waiting.iterator.next()];
  waiting.items.push('a', 'bad');
  expect(waiting.wake()).toBe(false);
  expect((await pending[0])?.value).toBe('a');
  await expect(pending[1]).rejects.toThrow('broken');
  expect([await pending[2], waiting.ends()]).toEqual([done, 1]);
});
