import { expect, test } from 'vitest';
import { createMemoryTokenLog } from '../../../../src/bus/memory/token-log.ts';
import type { CompletionId } from '../../../../src/contracts/ids.ts';
import {
  type AppendableEvent,
  type LogEvent,
  StaleProducerError,
  type TerminalEvent,
} from '../../../../src/contracts/token-log.ts';

const [a, b, c] = ['a', 'b', 'c'] as unknown as [CompletionId, CompletionId, CompletionId];
const forever = new AbortController().signal;
const delta = (text: string): AppendableEvent => ({ type: 'delta', choices: [{ index: 0, text, tokens: 1 }] });
const finished: TerminalEvent = {
  type: 'finished',
  usage: { promptTokens: 1, cachedPromptTokens: 0, completionTokens: 1 },
};

function openAt(startMilliseconds: number, retention: { logSeconds: number; logBytes: number }) {
  let milliseconds = startMilliseconds;
  const log = createMemoryTokenLog({ clock: () => new Date(milliseconds), retention });
  return {
    log,
    passSeconds: (seconds: number) => {
      milliseconds += seconds * 1_000;
    },
    hold: async (...ids: CompletionId[]) => {
      const seqs = await Promise.all(ids.map((id) => log.lastSeq(id)));
      return ids.filter((_, position) => seqs[position] !== undefined);
    },
  };
}

test('a log is let go logSeconds after its end, and not before', async () => {
  const { log, passSeconds, hold } = openAt(0, { logSeconds: 900, logBytes: 1_000_000 });
  await using _ = log;
  for (const id of [a, b]) await log.create(id, 0);
  await log.append(a, 1, delta('text'));
  await log.finalise(a, 1, finished, 2);
  passSeconds(899);
  await log.finalise(b, 1, finished, 1);
  expect(await hold(a, b)).toEqual([a, b]);
  passSeconds(1);
  expect(await hold(a, b)).toEqual([b]);
  expect(await log.read(a, 0, forever)).toBeUndefined();
});

test('a log is let go by its timer when nobody asks for it', async () => {
  await using log = createMemoryTokenLog({ retention: { logSeconds: 0.02, logBytes: 1_000_000 } });
  await log.create(a, 0);
  await log.finalise(a, 1, finished, 1);
  await expect.poll(() => log.lastSeq(a)).toBeUndefined();
});

test('a log that runs is never let go, however old or large', async () => {
  const { log, passSeconds, hold } = openAt(0, { logSeconds: 1, logBytes: 10 });
  await using _ = log;
  await log.create(a, 0);
  await log.append(a, 1, delta('x'.repeat(1_000)));
  passSeconds(10_000);
  await log.append(a, 1, delta('y'));
  expect(await hold(a)).toEqual([a]);
});

test('beyond logBytes the logs that ended first go first, as many as it takes', async () => {
  const { log, hold } = openAt(0, { logSeconds: 900, logBytes: 10_000 });
  await using _ = log;
  for (const id of [a, b, c]) await log.create(id, 0);
  for (const id of [b, a]) {
    await log.append(id, 1, delta('x'.repeat(2_000)));
    await log.finalise(id, 1, finished, 2);
  }
  expect(await hold(a, b, c)).toEqual([a, b, c]);
  await log.append(c, 1, delta('x'.repeat(1_000)));
  expect(await hold(a, b, c)).toEqual([a, c]);
  await log.append(c, 1, delta('x'.repeat(4_000)));
  expect(await hold(a, b, c)).toEqual([c]);
});

test('a reader that is attached when the log is let go reads on to its end', async () => {
  const { log, passSeconds, hold } = openAt(0, { logSeconds: 1, logBytes: 1_000_000 });
  await using _ = log;
  await log.create(a, 0);
  await log.append(a, 1, delta('all '));
  const reader = (await log.read(a, 0, forever)) as AsyncIterableIterator<LogEvent>;
  await reader.next();
  await log.append(a, 1, delta('of it'));
  await log.finalise(a, 1, finished, 3);
  passSeconds(2);
  expect(await hold(a)).toEqual([]);
  const rest: LogEvent[] = [];
  for await (const event of reader) rest.push(event);
  expect(rest).toMatchObject([{ choices: [{ text: 'of it' }] }, { type: 'finished', seq: 3 }]);
});

test('no timer is left after disposal, and appends are refused', async () => {
  const timersBefore = process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length;
  const log = createMemoryTokenLog({ retention: { logSeconds: 900, logBytes: 1_000_000 } });
  await log.create(a, 0);
  await log.finalise(a, 1, finished, 1);
  // An unref'd timer is not among what keeps the process alive.
  expect(process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length).toBe(timersBefore);
  await log[Symbol.asyncDispose]();
  await expect(log.create(a, 0)).rejects.toThrow('closed');
  await expect(log.append(a, 1, delta('x'))).rejects.toBeInstanceOf(StaleProducerError);
});

test('a thousand readers that stalled catch up with one merged event each', async () => {
  await using log = createMemoryTokenLog({ retention: { logSeconds: 900, logBytes: 1_000_000 } });
  await log.create(a, 0);
  const stalled = await Promise.all(Array.from({ length: 1_000 }, () => log.read(a, 0, new AbortController().signal)));
  for (let appended = 0; appended < 1_000; appended += 1) await log.append(a, 1, delta('x'));
  await log.finalise(a, 1, finished, 1_001);
  const first = await Promise.all(stalled.map((reader) => reader?.next()));
  expect(new Set(first.map((result) => result?.value.seq))).toEqual(new Set([1_000]));
  expect(first[999]?.value).toMatchObject({ choices: [{ text: 'x'.repeat(1_000), tokens: 1_000 }] });
});

test('readers that keep up share one event object', async () => {
  await using log = createMemoryTokenLog({ retention: { logSeconds: 900, logBytes: 1_000_000 } });
  await log.create(a, 0);
  const readers = await Promise.all(Array.from({ length: 3 }, () => log.read(a, 0, forever)));
  const pending = readers.map((reader) => reader?.next());
  await log.append(a, 1, delta('x'));
  const events = (await Promise.all(pending)).map((result) => result?.value);
  expect(new Set(events).size).toBe(1);
});
