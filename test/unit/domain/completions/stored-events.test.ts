import { describe, expect, it } from 'vitest';
import { createMemoryTokenLog } from '../../../../src/bus/memory/token-log.ts';
import type { CompletionId } from '../../../../src/contracts/ids.ts';
import type { ChoiceDelta } from '../../../../src/contracts/inference.ts';
import type { Completion } from '../../../../src/contracts/stores/completions.ts';
import type { LogEvent } from '../../../../src/contracts/token-log.ts';
import { storedEvents } from '../../../../src/domain/completions/events.ts';
import { createProgress } from '../../../../src/domain/completions/progress.ts';

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

async function logged(log: Awaited<ReturnType<typeof both>>['log'], after: number): Promise<LogEvent[]> {
  const events: LogEvent[] = [];
  for await (const event of (await log.read(id, after, signal))!) events.push(event);
  return events;
}

describe('the events of a stored completion', () => {
  it('are those that a late reader of its log gets, after any seq', async () => {
    const { log, completion } = await both();
    const withoutTime = (events: readonly LogEvent[]) =>
      events.filter(({ type }) => type !== 'started').map(({ at: _, ...event }) => event);
    for (let after = 0; after <= completion.lastSeq + 1; after++) {
      expect(withoutTime(storedEvents(completion, after))).toEqual(withoutTime(await logged(log, after)));
    }
  });

  it('are gone with its content, except to those who have them all', async () => {
    const { completion } = await both();
    const pruned = { ...completion, choices: null, textIndex: null };
    expect(() => storedEvents(pruned, 0)).toThrow(expect.objectContaining({ code: 'OFFSET_EXPIRED' }));
    expect(storedEvents(pruned, completion.lastSeq)).toEqual([]);
  });
});
