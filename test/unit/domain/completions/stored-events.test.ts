import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { createMemoryTokenLog } from '../../../../src/bus/memory/token-log.ts';
import type { CompletionId } from '../../../../src/contracts/ids.ts';
import type { ChoiceDelta } from '../../../../src/contracts/inference.ts';
import type { Completion } from '../../../../src/contracts/stores/completions.ts';
import type { LogEvent } from '../../../../src/contracts/token-log.ts';
import { createProgress } from '../../../../src/domain/completions/progress.ts';
import { createStoredEvents } from '../../../../src/domain/completions/stored-events.ts';

const id = 'completion' as CompletionId;
const signal = new AbortController().signal;
const usage = { promptTokens: 3, cachedPromptTokens: 0, completionTokens: 7 };

const deltas: ChoiceDelta[][] = [
  [{ index: 0, text: 'Once', tokens: 1 }],
  [
    { index: 0, text: ' upon', tokens: 1 },
    { index: 1, text: '🙂', tokens: 3 },
  ],
  [{ index: 1, text: '', tokens: 1, finishReason: 'STOP_SEQUENCE', stopSequence: 'x' }],
  [{ index: 0, text: ' a', tokens: 1 }],
  [{ index: 0, text: '', tokens: 0, finishReason: 'LENGTH' }],
];

/** The same completion in a log and as it is stored. */
async function both() {
  const log = createMemoryTokenLog({ retention: { logSeconds: 60, logBytes: 1e6 } });
  const progress = createProgress(2, 3, () => new Date());
  await log.create(id, 0);
  await log.append(id, 1, { type: 'started', promptTokens: 3, cachedPromptTokens: 0 });
  for (const choices of deltas) progress.add(await log.append(id, 1, { type: 'delta', choices }), choices);
  const lastSeq = progress.lastSeq + 1;
  await log.finalise(id, 1, { type: 'finished', usage }, lastSeq);
  const completion = {
    id,
    status: 'SUCCEEDED',
    usage,
    error: null,
    choices: progress.choices(),
    textIndex: progress.textIndex(),
    lastSeq,
    createdAt: new Date(),
    finishedAt: new Date(),
  } as Partial<Completion> as Completion;
  return { log, completion };
}

async function all(events: AsyncIterable<LogEvent>): Promise<LogEvent[]> {
  const read: LogEvent[] = [];
  for await (const event of events) read.push(event);
  return read;
}

/** A store of these completions, which counts how often it is asked. */
function storeOf(...completions: Completion[]) {
  const byId = new Map(completions.map((completion) => [completion.id, completion]));
  let asked = 0;
  return {
    asked: () => asked,
    put: (completion: Completion) => byId.set(completion.id, completion),
    async find(ids: readonly CompletionId[]) {
      asked += 1;
      return ids.flatMap((wanted) => byId.get(wanted) ?? []);
    },
  };
}

/** Many events, as one delta holds 16,384 characters. */
function longCompletion(name: string, pieces = 40, pieceUnits = 10_000): Completion {
  const progress = createProgress(1, 3, () => new Date());
  for (let seq = 1; seq <= pieces; seq++) {
    progress.add(seq, [{ index: 0, text: String.fromCharCode(96 + (seq % 26)).repeat(pieceUnits), tokens: 1 }]);
  }
  return {
    id: name as CompletionId,
    status: 'SUCCEEDED',
    usage,
    error: null,
    choices: progress.choices(),
    textIndex: progress.textIndex(),
    lastSeq: pieces + 1,
    createdAt: new Date(),
    finishedAt: new Date(),
  } as Partial<Completion> as Completion;
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

function heldBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const textOf = (events: readonly LogEvent[]) =>
  events.flatMap((event) => (event.type === 'delta' ? event.choices.map(({ text }) => text) : [])).join('');

describe('the events of a stored completion', () => {
  it('are those that a late reader of its log gets, after any seq', async () => {
    const { log, completion } = await both();
    const stored = createStoredEvents(storeOf(completion));
    const withoutTime = (events: readonly LogEvent[]) =>
      events.filter(({ type }) => type !== 'started').map(({ at: _, ...event }) => event);
    for (let after = 0; after <= completion.lastSeq + 1; after++) {
      const logged = await all((await log.read(id, after, signal))!);
      expect(withoutTime(await all(stored.read(completion, after, signal)))).toEqual(withoutTime(logged));
    }
  });

  it('are gone with its content, except to those who have them all', async () => {
    const { completion } = await both();
    const pruned = { ...completion, choices: null, textIndex: null };
    const stored = createStoredEvents(storeOf(pruned));
    const expired = expect.objectContaining({ code: 'OFFSET_EXPIRED' });
    expect(() => stored.read(pruned, 0, signal)).toThrow(expired);
    expect(await all(stored.read(pruned, completion.lastSeq, signal))).toEqual([]);
    await all(stored.read(completion, 0, signal));
    expect(() => stored.read(pruned, 0, signal)).toThrow(expired);
  });

  it('are read from one copy by all readers, without asking the store again', async () => {
    const completion = longCompletion('long');
    const store = storeOf(completion);
    const stored = createStoredEvents(store);
    const readers = Array.from({ length: 20 }, (_, after) => all(stored.read(completion, after, signal)));
    const text = completion.choices![0]!.text;
    for (const [after, events] of (await Promise.all(readers)).entries()) {
      expect(textOf(events)).toBe(text.slice(after * 10_000));
      expect(events.at(-1)).toMatchObject({ type: 'finished', seq: completion.lastSeq });
    }
    expect(store.asked()).toBe(0);
  });

  it('hold no text for a reader that stops: it is read again when the reader goes on', async () => {
    const completions = Array.from({ length: 30 }, (_, i) => longCompletion(`long ${i}`));
    const store = storeOf(...completions);
    const stored = createStoredEvents(store, 2 * 1_048_576); // room for two
    const readers = completions.map((completion) => stored.read(completion, 0, signal));
    const firsts = await Promise.all(readers.map((reader) => reader.next()));
    expect(store.asked()).toBeGreaterThan(20);
    for (const [i, reader] of readers.entries()) {
      const events = [firsts[i]!.value as LogEvent, ...(await all(reader))];
      expect(textOf(events)).toBe(completions[i]!.choices![0]!.text);
      expect(events.map(({ seq }) => seq)).toEqual([...new Set(events.map(({ seq }) => seq))].sort((a, b) => a - b));
      expect(events.at(-1)).toMatchObject({ type: 'finished' });
    }
  });

  it('keep no more of the text in memory than they carry, however long a reader holds them', async () => {
    const megabytesEach = 4;
    // Made anew each time, so that nobody but the readers could hold a text.
    const find = async ([wanted]: readonly CompletionId[]) => [longCompletion(wanted!, megabytesEach * 100)];
    const stored = createStoredEvents({ find }, 1); // room for none
    const readers = Array.from({ length: 20 }, (_, i) =>
      stored.read(longCompletion(`long ${i}`, megabytesEach * 100), 0, new AbortController().signal),
    );
    const before = heldBytes();
    const held = [];
    for (const reader of readers) held.push((await reader.next()).value);
    expect(heldBytes() - before).toBeLessThan(megabytesEach * 1_000_000);
    expect(textOf(held)).toHaveLength(readers.length * 10_000);
  });

  it('end with OFFSET_EXPIRED where the content goes while they are read, and with the store’s error where it is away', async () => {
    const completion = longCompletion('long');
    const store = storeOf(completion);
    const stored = createStoredEvents(store, 1); // room for none
    const [gone, away] = [stored.read(completion, 0, signal), stored.read(completion, 0, signal)];
    expect(textOf([(await gone.next()).value])).toHaveLength(10_000);
    await away.next();
    store.put({ ...completion, choices: null, textIndex: null });
    await expect(gone.next()).rejects.toMatchObject({ code: 'OFFSET_EXPIRED' });
    expect(await gone.next()).toEqual({ done: true, value: undefined });
    store.find = () => Promise.reject(new Error('away'));
    await expect(away.next()).rejects.toThrow('away');
  });
});
