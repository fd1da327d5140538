import { describe, expect, it } from 'vitest';
import type { ApiKeyId, CompletionId } from '../../../../src/contracts/ids.ts';
import type { Completion, CompletionStore } from '../../../../src/contracts/stores/completions.ts';
import { createCreations } from '../../../../src/domain/completions/creations.ts';
import { waitFor } from '../../../kit/wait-for.ts';

const apiKeyId = 'key' as ApiKeyId;
const completion = { id: 'completion' as CompletionId } as Completion;
const never = new AbortController().signal;

function pending() {
  let resolve: (completion: Completion) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<Completion>((...settle) => {
    [resolve, reject] = settle;
  });
  return { promise, resolve, reject };
}

function open() {
  let stored: Completion | undefined;
  let looks = 0;
  const store = {
    async findByIdempotencyKey() {
      looks += 1;
      return stored;
    },
  } as Partial<CompletionStore> as CompletionStore;
  const creations = createCreations(store);
  return {
    looks: () => looks,
    store: (found: Completion) => {
      stored = found;
    },
    run: (create: () => Promise<Completion>, name = 'name', key = apiKeyId) =>
      creations.run(key, name, async () => ({ completion: await create() })),
    wait: (seconds = 5, signal: AbortSignal = never) => creations.waitFor(apiKeyId, 'name', seconds, signal),
  };
}

describe('waiting for a completion that is being created', () => {
  it('is handed it without asking the store, where the creation came first', async () => {
    const { run, wait, looks } = open();
    const created = pending();
    const creation = run(() => created.promise);
    const waiting = wait();
    created.resolve(completion);
    expect(await waiting).toBe(completion);
    expect(await creation).toEqual({ completion });
    expect(looks()).toBe(0);
  });

  it('is handed it at once, where the subscription came first', async () => {
    const { run, wait, looks } = open();
    const waiting = wait();
    await waitFor('the first look', () => looks() === 1);
    await run(async () => completion);
    expect(await waiting).toBe(completion);
    expect(looks()).toBe(1);
  });

  it('asks the store after a creation that was refused: another node may have made it', async () => {
    const { run, wait, store } = open();
    const refused = pending();
    const creation = run(() => refused.promise);
    const waiting = wait();
    store(completion);
    refused.reject(new Error('refused'));
    await expect(creation).rejects.toThrow('refused');
    expect(await waiting).toBe(completion);
  });

  it('goes on while another creation of the same key runs, whichever ends first', async () => {
    const { run, wait } = open();
    const [slow, refused] = [pending(), pending()];
    const creations = Promise.allSettled([run(() => slow.promise), run(() => refused.promise)]);
    const waiting = wait();
    refused.reject(new Error('refused'));
    slow.resolve(completion);
    expect(await waiting).toBe(completion);
    await creations;
  });

  it('is not handed another name’s, nor another key’s', async () => {
    const { run, wait } = open();
    const waiting = wait(0.05);
    await run(async () => completion, 'another name');
    await run(async () => completion, 'name', 'another key' as ApiKeyId);
    expect(await waiting).toBeUndefined();
  });

  it('ends with its time, and with its signal, also while a creation runs', async () => {
    const { run, wait } = open();
    const created = pending();
    const creation = run(() => created.promise);
    expect(await wait(0.05)).toBeUndefined();
    const leaving = new AbortController();
    const waiting = wait(60, leaving.signal);
    leaving.abort();
    expect(await waiting).toBeUndefined();
    created.resolve(completion);
    await creation;
  });
});
