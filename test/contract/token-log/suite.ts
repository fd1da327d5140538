import { describe, expect, test } from 'vitest';
import type { CompletionId } from '../../../src/contracts/ids.ts';
import type { InferenceUsage } from '../../../src/contracts/inference.ts';
import {
  type AppendableEvent,
  type LogEvent,
  StaleProducerError,
  type TokenLog,
} from '../../../src/contracts/token-log.ts';

export type OpenTokenLog = () => TokenLog | Promise<TokenLog>;

export const usage: InferenceUsage = { promptTokens: 3, cachedPromptTokens: 0, completionTokens: 4 };
const id = '0190c0de-0000-7000-8000-000000000001' as CompletionId;
const unknownId = '0190c0de-0000-7000-8000-000000000002' as CompletionId;
const forever = new AbortController().signal;

const delta = (text: string, index = 0): AppendableEvent => ({ type: 'delta', choices: [{ index, text, tokens: 1 }] });
const queued = (position: number): AppendableEvent => ({ type: 'queued', position, estimatedWaitSeconds: null });
const started: AppendableEvent = { type: 'started', promptTokens: 3, cachedPromptTokens: 0 };

/** What the token log promises, for any adapter. */
export function describeTokenLog(name: string, open: OpenTokenLog): void {
  describe(`${name} token log`, () => {
    async function openWithLog() {
      const log = await open();
      await log.create(id, 0);
      return log;
    }

    async function reader(log: TokenLog, after = 0, signal = forever) {
      const events = await log.read(id, after, signal);
      if (!events) throw new Error('the log is not held');
      return events;
    }

    async function readAll(log: TokenLog, after = 0) {
      const events: LogEvent[] = [];
      for await (const event of await reader(log, after)) events.push(event);
      return events;
    }

    test('numbers the events 1, 2, 3… in the order of the calls, also when nobody waits in between', async () => {
      await using log = await openWithLog();
      expect(await log.lastSeq(id)).toBe(0);
      const seqs = await Promise.all([
        log.append(id, 1, queued(0)),
        log.append(id, 1, started),
        log.append(id, 1, delta('a')),
      ]);
      expect(seqs).toEqual([1, 2, 3]);
      expect(await log.lastSeq(id)).toBe(3);
      await log.finalise(id, 1, { type: 'finished', usage }, 4);
      expect((await readAll(log)).map(({ type, seq }) => [type, seq])).toEqual([
        ['queued', 1],
        ['started', 2],
        ['delta', 3],
        ['finished', 4],
      ]);
    });

    test('creating a log again changes nothing', async () => {
      await using log = await openWithLog();
      await log.append(id, 1, delta('a'));
      await log.create(id, 0);
      expect(await log.lastSeq(id)).toBe(1);
    });

    test('a log that goes on after the seqs of an earlier process begins beyond them, for every reader', async () => {
      await using log = await open();
      await log.create(id, 40);
      expect(await log.lastSeq(id)).toBe(40);
      const fromStart = await reader(log);
      const next = fromStart.next();
      expect(await log.append(id, 1, started)).toBe(41);
      expect((await next).value?.seq).toBe(41);
      await log.append(id, 1, delta('a'));
      await log.finalise(id, 1, { type: 'finished', usage }, 7);
      for (const after of [0, 7, 40]) expect((await readAll(log, after)).map(({ seq }) => seq)).toEqual([41, 42, 43]);
      expect((await readAll(log, 41)).map(({ seq }) => seq)).toEqual([42, 43]);
    });

    test('a log that is not held is undefined to readers, and its listeners are never called', async () => {
      await using log = await openWithLog();
      const counts: number[] = [];
      log.watchReaders(unknownId, (attached) => counts.push(attached));
      expect(await log.read(unknownId, 0, forever)).toBeUndefined();
      expect(await log.lastSeq(unknownId)).toBeUndefined();
      expect(counts).toEqual([]);
    });

    test('a log that is not held refuses a producer; finalising it changes nothing', async () => {
      await using log = await openWithLog();
      await expect(log.append(unknownId, 1, delta('a'))).rejects.toBeInstanceOf(StaleProducerError);
      await log.finalise(unknownId, 1, { type: 'finished', usage }, 1);
      expect(await log.lastSeq(unknownId)).toBeUndefined();
    });

    test('a live reader gets every event as it is appended, and then ends', async () => {
      await using log = await openWithLog();
      const events = await reader(log);
      for (const text of ['a', 'b', 'c']) {
        const next = events.next();
        await log.append(id, 1, delta(text));
        expect((await next).value).toMatchObject({ type: 'delta', choices: [{ index: 0, text, tokens: 1 }] });
      }
      const next = events.next();
      await log.finalise(id, 1, { type: 'cancelled', usage }, 4);
      expect((await next).value).toMatchObject({ type: 'cancelled', seq: 4, usage });
      expect(await events.next()).toEqual({ done: true, value: undefined });
    });

    test('several calls of next() are served in their order', async () => {
      await using log = await openWithLog();
      const events = await reader(log);
      const pending = [events.next(), events.next(), events.next()];
      await log.append(id, 1, delta('a'));
      await log.finalise(id, 1, { type: 'finished', usage }, 2);
      expect((await Promise.all(pending)).map(({ value }) => value?.type)).toEqual(['delta', 'finished', undefined]);
    });

    test('a late reader gets consecutive deltas as one, with one entry per choice', async () => {
      await using log = await openWithLog();
      await log.append(id, 1, started);
      await log.append(id, 1, delta('He', 0));
      await log.append(id, 1, delta('Hi', 1));
      await log.append(id, 1, {
        type: 'delta',
        choices: [
          { index: 1, text: '!', tokens: 2, finishReason: 'STOP_SEQUENCE', stopSequence: '\n' },
          { index: 0, text: 'llo', tokens: 1 },
        ],
      });
      await log.append(id, 1, { type: 'delta', choices: [{ index: 0, text: '', tokens: 1, finishReason: 'STOP' }] });
      await log.finalise(id, 1, { type: 'finished', usage }, 6);
      const [, merged, terminal, ...rest] = await readAll(log);
      expect(merged).toEqual({
        type: 'delta',
        seq: 5,
        at: expect.any(Date),
        choices: [
          { index: 0, text: 'Hello', tokens: 3, finishReason: 'STOP' },
          { index: 1, text: 'Hi!', tokens: 3, finishReason: 'STOP_SEQUENCE', stopSequence: '\n' },
        ],
      });
      expect(terminal).toMatchObject({ type: 'finished', seq: 6 });
      expect(rest).toEqual([]);
    });

    test('of consecutive queued events a late reader gets the newest', async () => {
      await using log = await openWithLog();
      for (const position of [4, 2, 1]) await log.append(id, 1, queued(position));
      await log.append(id, 1, started);
      await log.finalise(id, 1, { type: 'finished', usage }, 5);
      expect((await readAll(log)).map(({ type, seq }) => [type, seq])).toEqual([
        ['queued', 3],
        ['started', 4],
        ['finished', 5],
      ]);
    });

    test('a merged event is bounded, so a reader costs little whatever it missed', async () => {
      await using log = await openWithLog();
      const text = 'é'.repeat(1_000);
      for (let appended = 0; appended < 100; appended += 1) await log.append(id, 1, delta(text));
      await log.finalise(id, 1, { type: 'finished', usage }, 101);
      const texts = (await readAll(log))
        .flatMap((event) => (event.type === 'delta' ? event.choices : []))
        .map((c) => c.text);
      expect(texts.join('')).toBe(text.repeat(100));
      expect(texts.length).toBeLessThan(20);
      for (const merged of texts) expect(Buffer.byteLength(merged)).toBeLessThanOrEqual(65_536);
    });

    test('the terminal event takes the seq that the store settled with, forward only, and readers may resume inside the gap', async () => {
      await using log = await openWithLog();
      await log.append(id, 1, delta('a'));
      const live = await reader(log, 5);
      const next = live.next();
      await log.finalise(id, 1, { type: 'finished', usage }, 9);
      expect((await next).value).toMatchObject({ type: 'finished', seq: 9 });
      expect(await log.lastSeq(id)).toBe(9);
      expect((await readAll(log, 4)).map(({ seq }) => seq)).toEqual([9]);
      expect(await readAll(log, 9)).toEqual([]);
    });

    test('a terminal seq behind the log does not take it back', async () => {
      await using log = await openWithLog();
      await log.append(id, 1, delta('a'));
      await log.append(id, 1, delta('b'));
      await log.finalise(id, 1, { type: 'finished', usage }, 1);
      expect((await readAll(log)).map(({ seq }) => seq)).toEqual([2, 3]);
    });

    test('the first terminal event is the only one, and nothing follows it', async () => {
      await using log = await openWithLog();
      await log.finalise(id, 1, { type: 'finished', usage }, 1);
      await log.finalise(id, 2, { type: 'cancelled', usage }, 7);
      await expect(log.append(id, 2, delta('late'))).rejects.toBeInstanceOf(StaleProducerError);
      expect((await readAll(log)).map(({ type, seq }) => [type, seq])).toEqual([['finished', 1]]);
    });

    test('a producer that was replaced can neither append nor finalise', async () => {
      await using log = await openWithLog();
      await log.append(id, 2, delta('new'));
      await expect(log.append(id, 1, delta('old'))).rejects.toBeInstanceOf(StaleProducerError);
      await expect(log.finalise(id, 1, { type: 'finished', usage }, 2)).rejects.toBeInstanceOf(StaleProducerError);
      await log.append(id, 2, delta('er'));
      await log.finalise(id, 3, { type: 'finished', usage }, 3);
      expect(await readAll(log)).toMatchObject([{ choices: [{ text: 'newer' }] }, { type: 'finished' }]);
    });

    test('return() acts at once while next() is pending', async () => {
      await using log = await openWithLog();
      const counts: number[] = [];
      log.watchReaders(id, (attached) => counts.push(attached));
      const events = await reader(log);
      const next = events.next();
      await events.return?.();
      expect(await next).toEqual({ done: true, value: undefined });
      expect(counts).toEqual([0, 1, 0]);
    });

    test('the abort signal acts at once while next() is pending, and ends the reader without an error', async () => {
      await using log = await openWithLog();
      const counts: number[] = [];
      log.watchReaders(id, (attached) => counts.push(attached));
      const abort = new AbortController();
      const events = await reader(log, 0, abort.signal);
      const next = events.next();
      abort.abort();
      expect(await next).toEqual({ done: true, value: undefined });
      await expect.poll(() => counts).toEqual([0, 1, 0]);
      await log.append(id, 1, delta('a'));
      expect(await events.next()).toEqual({ done: true, value: undefined });
    });

    test('a reader whose signal has aborted before never attaches', async () => {
      await using log = await openWithLog();
      const counts: number[] = [];
      log.watchReaders(id, (attached) => counts.push(attached));
      const events = await reader(log, 0, AbortSignal.abort());
      expect(await events.next()).toEqual({ done: true, value: undefined });
      expect(counts).toEqual([0]);
    });

    test('readers are counted from the call of read, each once, until the log is terminal or the watcher leaves', async () => {
      await using log = await openWithLog();
      const staying: number[] = [];
      const leaving: number[] = [];
      log.watchReaders(id, (attached) => staying.push(attached));
      const unwatch = log.watchReaders(id, (attached) => leaving.push(attached));
      const first = await reader(log);
      const second = await reader(log);
      unwatch();
      await first.return?.();
      await first.return?.();
      await log.finalise(id, 1, { type: 'finished', usage }, 1);
      await second.return?.();
      await readAll(log);
      log.watchReaders(id, (attached) => staying.push(attached));
      expect(leaving).toEqual([0, 1, 2]);
      expect(staying).toEqual([0, 1, 2, 1]);
    });

    test('disposing ends every reader', async () => {
      const log = await openWithLog();
      const pending = (await reader(log)).next();
      const stalled = await reader(log);
      await log[Symbol.asyncDispose]();
      expect((await pending).done).toBe(true);
      expect((await stalled.next()).done).toBe(true);
    });
  });
}
