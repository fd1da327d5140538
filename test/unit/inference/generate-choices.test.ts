import { describe, expect, it } from 'vitest';
import type { CompletionId, ProjectId } from '../../../src/contracts/ids.ts';
import type { InferenceJob, InferencePart } from '../../../src/contracts/inference.ts';
import {
  type ChoiceEvents,
  type ChoiceHost,
  type ChoiceWork,
  generateChoices,
} from '../../../src/inference/generate-choices.ts';
import { createSlots } from '../../../src/inference/slots.ts';

interface Run {
  readonly work: ChoiceWork;
  readonly events: ChoiceEvents;
  cancelled: boolean;
}

/** An engine whose choices the test drives by hand, with so many extra slots. */
function openHost(extraSlots = 0) {
  const runs: Run[] = [];
  const slots = createSlots(extraSlots);
  let released = 0;
  const host: ChoiceHost = {
    async engine() {
      return {
        run(work, events) {
          const run: Run = { work, events, cancelled: false };
          runs.push(run);
          return () => {
            run.cancelled = true;
            events.piece({ text: '', tokens: 0, finishReason: 'CANCELLED' });
          };
        },
        [Symbol.dispose]() {
          released += 1;
        },
      };
    },
    extraSlot: (signal) => slots.acquire('extra', signal),
  };
  return { host, runs, slots, freeSlots: () => slots.free, held: () => runs.length - released };
}

const forever = new AbortController().signal;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function job(changes: Partial<InferenceJob> = {}): InferenceJob {
  return {
    completionId: 'c' as CompletionId,
    model: 'm',
    cacheScope: 'p' as ProjectId,
    promptTokens: [1, 2, 3],
    n: 1,
    maxTokens: 10,
    stop: [],
    sampling: {
      temperature: 0.5,
      topP: 1,
      topK: 0,
      minP: 0,
      seed: 41,
      presencePenalty: 0,
      frequencyPenalty: 0,
      repeatPenalty: 1,
      logitBias: new Map([[7, -1]]),
    },
    ...changes,
  };
}

function collect(parts: AsyncIterable<InferencePart>) {
  const seen: InferencePart[] = [];
  const done = (async () => {
    for await (const part of parts) seen.push(part);
  })();
  done.catch(() => {});
  return { seen, done };
}

describe('choices of a job', () => {
  it('give an extra slot back after each, so that whoever waits for a first one comes before the next choice', async () => {
    const { host, runs, slots } = openHost(1);
    const { done } = collect(generateChoices(job({ n: 3 }), host, forever));
    await turn();
    expect(runs).toHaveLength(2);
    const waiting = slots.acquire('first', forever);
    const end = (index: number) => runs[index]!.events.piece({ text: 'a', tokens: 1, finishReason: 'STOP' });
    end(1);
    await waiting;
    await turn();
    expect(runs).toHaveLength(2);
    end(0);
    await turn();
    expect(runs).toHaveLength(3);
    end(2);
    await done;
  });

  it('come as one delta for what they gain in one turn', async () => {
    const { host, runs } = openHost(1);
    const { seen, done } = collect(generateChoices(job({ n: 2 }), host, forever));
    await turn();
    expect(runs).toHaveLength(2);
    runs[0]!.events.started(2);
    runs[1]!.events.started(0);
    runs[0]!.events.piece({ text: 'a', tokens: 1 });
    runs[1]!.events.piece({ text: 'b', tokens: 1 });
    runs[0]!.events.piece({ text: 'a', tokens: 2 });
    await turn();
    runs[0]!.events.piece({ text: '', tokens: 1, finishReason: 'STOP' });
    runs[1]!.events.piece({ text: 'c', tokens: 1, finishReason: 'LENGTH' });
    await done;
    expect(seen).toEqual([
      { type: 'started', cachedPromptTokens: 2 },
      {
        type: 'delta',
        choices: [
          { index: 0, text: 'aa', tokens: 3 },
          { index: 1, text: 'b', tokens: 1 },
        ],
      },
      {
        type: 'delta',
        choices: [
          { index: 0, text: '', tokens: 1, finishReason: 'STOP' },
          { index: 1, text: 'c', tokens: 1, finishReason: 'LENGTH' },
        ],
      },
      { type: 'finished', usage: { promptTokens: 3, cachedPromptTokens: 2, completionTokens: 6 } },
    ]);
  });

  it('sample with seed + i, modulo 2³²', async () => {
    const { host, runs } = openHost(2);
    const sampling = { ...job().sampling, seed: 2 ** 32 - 2 };
    collect(generateChoices(job({ n: 3, sampling }), host, forever));
    await turn();
    expect(runs.map(({ work }) => work.sampling.seed)).toEqual([2 ** 32 - 2, 2 ** 32 - 1, 0]);
    expect(runs[0]!.work.sampling.logitBias).toEqual([[7, -1]]);
  });

  it('take turns on the one slot there is', async () => {
    const { host, runs } = openHost(0);
    const { seen, done } = collect(generateChoices(job({ n: 3 }), host, forever));
    for (let index = 0; index < 3; index++) {
      await turn();
      expect(runs).toHaveLength(index + 1);
      runs[index]!.events.started(0);
      runs[index]!.events.piece({ text: `${index}`, tokens: 1, finishReason: 'STOP' });
    }
    await done;
    expect(seen.at(-1)).toMatchObject({ type: 'finished', usage: { completionTokens: 3 } });
  });

  it('give every extra slot and every engine back when they end, fail or are left', async () => {
    const ended = openHost(2);
    const all = collect(generateChoices(job({ n: 3 }), ended.host, forever));
    await turn();
    for (const run of ended.runs) run.events.piece({ text: '', tokens: 1, finishReason: 'STOP' });
    await all.done;
    await turn();
    expect(ended.freeSlots()).toBe(2);
    expect(ended.held()).toBe(0);

    const failed = openHost(2);
    const failing = collect(generateChoices(job({ n: 5 }), failed.host, forever));
    await turn();
    failed.runs[1]!.events.failed(new Error('crashed'));
    await expect(failing.done).rejects.toThrow('crashed');
    await turn();
    expect(failed.freeSlots()).toBe(2);
    expect(failed.runs.filter(({ cancelled }) => cancelled)).toHaveLength(2);

    const left = openHost(2);
    const iterator = generateChoices(job({ n: 3 }), left.host, forever)[Symbol.asyncIterator]();
    await turn();
    await iterator.return!();
    await turn();
    expect(left.runs.every(({ cancelled }) => cancelled)).toBe(true);
    expect(left.freeSlots()).toBe(2);
    expect(left.held()).toBe(0);
  });

  it('are all told about before a failure, with what they had gained', async () => {
    const { host, runs } = openHost(0);
    const { seen, done } = collect(generateChoices(job(), host, forever));
    await turn();
    runs[0]!.events.started(0);
    runs[0]!.events.piece({ text: 'gained', tokens: 3 });
    runs[0]!.events.failed(new Error('crashed'));
    await expect(done).rejects.toThrow('crashed');
    expect(seen.at(-1)).toEqual({ type: 'delta', choices: [{ index: 0, text: 'gained', tokens: 3 }] });
  });

  it('end as CANCELLED when the signal aborts, those that never began included', async () => {
    const { host, runs } = openHost(0);
    const stopping = new AbortController();
    const { seen, done } = collect(generateChoices(job({ n: 3 }), host, stopping.signal));
    await turn();
    runs[0]!.events.started(1);
    runs[0]!.events.piece({ text: 'x', tokens: 1 });
    stopping.abort();
    await done;
    const reasons = seen.flatMap((part) => (part.type === 'delta' ? part.choices : []));
    expect(
      reasons
        .filter(({ finishReason }) => finishReason === 'CANCELLED')
        .map(({ index }) => index)
        .sort(),
    ).toEqual([0, 1, 2]);
    expect(seen.at(-1)).toMatchObject({ type: 'finished', usage: { cachedPromptTokens: 1, completionTokens: 1 } });
    expect(runs).toHaveLength(1);
  });

  it('cost a slow consumer no more than their text', async () => {
    const { host, runs } = openHost(0);
    const parts = generateChoices(job(), host, forever);
    await turn();
    runs[0]!.events.started(0);
    for (let count = 0; count < 50; count++) {
      runs[0]!.events.piece({ text: 'a', tokens: 1 });
      await turn();
    }
    runs[0]!.events.piece({ text: '', tokens: 1, finishReason: 'STOP' });
    const { seen, done } = collect(parts);
    await done;
    expect(seen).toHaveLength(3);
    expect(seen[1]).toEqual({
      type: 'delta',
      choices: [{ index: 0, text: 'a'.repeat(50), tokens: 51, finishReason: 'STOP' }],
    });
  });
});
