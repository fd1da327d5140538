import { describe, expect, it } from 'vitest';
import { createMemorySignals } from '../../../../src/bus/memory/signals.ts';
import { createMemoryTokenLog } from '../../../../src/bus/memory/token-log.ts';
import type { CompletionId } from '../../../../src/contracts/ids.ts';
import type { Completion, CompletionStore, Settlement } from '../../../../src/contracts/stores/completions.ts';
import { StoreUnavailableError } from '../../../../src/contracts/stores/store.ts';
import { createJustEnded } from '../../../../src/domain/completions/just-ended.ts';
import { createSettle } from '../../../../src/domain/completions/settle.ts';
import { silentLogger } from '../../../../src/logger.ts';

const id = 'completion' as CompletionId;
const usage = { promptTokens: 1, cachedPromptTokens: 0, completionTokens: 2 };
const settlement: Settlement = {
  id,
  epoch: 1,
  status: 'SUCCEEDED',
  choices: [],
  usage,
  error: null,
  startedAt: null,
  firstTokenAt: null,
  finishedAt: new Date(),
  terminalSeq: 7,
  textIndex: new Uint8Array(),
};

async function open(finalise: (attempt: number) => Promise<Completion>) {
  const calls: string[] = [];
  const log = createMemoryTokenLog({ retention: { logSeconds: 60, logBytes: 1_000 } });
  await log.create(id, 0);
  let attempts = 0;
  const store = { finalise: () => finalise(++attempts) } as Partial<CompletionStore> as CompletionStore;
  const settle = createSettle({
    completions: store,
    log,
    checkpoints: { remove: () => calls.push('lease let go') } as never,
    abandonment: { forget: () => calls.push('readers forgotten') } as never,
    justEnded: createJustEnded(),
    foreignEnds: { show: () => void calls.push('left to others') },
    signals: createMemorySignals(),
    logger: silentLogger,
    signal: new AbortController().signal,
  });
  return { settle, log, calls, attempts: () => attempts };
}

const settled = (changes: Partial<Completion> = {}) =>
  ({ id, projectId: 'project', status: 'SUCCEEDED', usage, error: null, lastSeq: 7, ...changes }) as Completion;

describe('settlement', () => {
  it('waits for a database that is away, and only then shows the end', async () => {
    const { settle, log, attempts } = await open(async (attempt) => {
      if (attempt < 3) throw new StoreUnavailableError('away');
      return settled();
    });
    const reader = await log.read(id, 0, new AbortController().signal);
    await settle(settlement);
    expect(attempts()).toBe(3);
    expect((await reader!.next()).value).toMatchObject({ type: 'finished', seq: 7, usage });
  });

  it('shows the ending that the store has, where somebody else was first', async () => {
    const { settle, log } = await open(async () => settled({ status: 'CANCELLED', lastSeq: 9 }));
    const reader = await log.read(id, 0, new AbortController().signal);
    await settle(settlement);
    expect((await reader!.next()).value).toMatchObject({ type: 'cancelled', seq: 9 });
  });

  it('leaves a completion that somebody else took over meanwhile to them, and its readers to their ending', async () => {
    const { settle, log, calls } = await open(async () => settled({ status: 'RUNNING', epoch: 2 }));
    const reader = await log.read(id, 0, new AbortController().signal);
    await settle(settlement);
    expect(reader!.nextNow()).toBeUndefined();
    expect(calls).toEqual(['lease let go', 'readers forgotten', 'left to others']);
  });

  it('that cannot be had lets the lease go, so that recovery settles it in time', async () => {
    const { settle, calls, attempts } = await open(async () => {
      throw new Error('a value that the database refuses');
    });
    await expect(settle(settlement)).rejects.toThrow('a value that the database refuses');
    expect(attempts()).toBe(1);
    expect(calls).toEqual(['lease let go', 'readers forgotten']);
  });
});
