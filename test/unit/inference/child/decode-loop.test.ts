import { describe, expect, it } from 'vitest';
import { createCopyPace } from '../../../../src/inference/child/copy-pace.ts';
import { createDecodeLoop } from '../../../../src/inference/child/decode-loop.ts';
import { createFakeDecoder, type LoopEvent, letters, recordEvents, request } from './fake-decoder.ts';

function open(options?: Parameters<typeof createFakeDecoder>[0]) {
  const decoder = createFakeDecoder(options);
  const recorded = recordEvents();
  // The steps of the fake take no time at all: nothing would be worth a copy.
  const pace = { ...createCopyPace(), evaluated: () => {} };
  return { decoder, recorded, loop: createDecodeLoop(decoder, letters, recorded.listener, pace) };
}

const sizes = (entries: readonly { tokens: readonly number[] }[]) => entries.map(({ tokens }) => tokens.length);

describe('decode loop', () => {
  it('says started, then one piece per token, the last with the reason', async () => {
    const { loop, recorded } = open();
    loop.generate(request(1, { maxTokens: 3 }));
    await recorded.untilEnded(1);
    expect(recorded.events).toEqual([
      { type: 'started', requestId: 1, cached: 0 },
      { type: 'piece', requestId: 1, text: 'd', tokens: 1 },
      { type: 'piece', requestId: 1, text: 'e', tokens: 1 },
      { type: 'piece', requestId: 1, text: 'f', tokens: 1, finishReason: 'LENGTH' },
    ]);
  });

  it('ends at an end token with STOP, which is counted and has no text', async () => {
    const { loop, recorded } = open();
    loop.generate(request(1, { promptTokens: [23], maxTokens: 9 }));
    await recorded.untilEnded(1);
    expect(recorded.end(1)).toMatchObject({ finishReason: 'STOP', text: '' });
    expect([recorded.text(1), recorded.tokens(1)]).toEqual(['yz', 3]);
  });

  it('ends with the last character that the model means, also where that is a U+FFFD', async () => {
    const decoder = createFakeDecoder();
    const recorded = recordEvents();
    const spell = (token: number) => (token === 24 ? '\uFFFD' : letters.detokenise([token], []));
    const strange = {
      ...letters,
      isEndOfGeneration: (token: number) => token === 25,
      detokenise: (tokens: readonly number[]) => tokens.map(spell).join(''),
    };
    const loop = createDecodeLoop(decoder, strange, recorded.listener);
    loop.generate(request(1, { promptTokens: [21], maxTokens: 9 }));
    loop.generate(request(2, { promptTokens: [21], maxTokens: 9, stop: ['x\uFFFD'] }));
    await recorded.untilEnded(1, 2);
    expect([recorded.text(1), recorded.text(2)]).toEqual(['wx\uFFFD', 'w']);
    expect(recorded.end(1)).toMatchObject({ finishReason: 'STOP' });
    expect(recorded.end(2)).toMatchObject({ finishReason: 'STOP_SEQUENCE' });
  });

  it('ends at a stop sequence, and counts the tokens that were cut', async () => {
    const { loop, recorded } = open();
    loop.generate(request(1, { maxTokens: 9, stop: ['fg'] }));
    await recorded.untilEnded(1);
    expect(recorded.end(1)).toMatchObject({ finishReason: 'STOP_SEQUENCE', stopSequence: 'fg' });
    expect([recorded.text(1), recorded.tokens(1)]).toEqual(['de', 4]);
  });

  it('gives back at the end what it held for a stop sequence', async () => {
    const { loop, recorded } = open();
    loop.generate(request(1, { promptTokens: [23], maxTokens: 9, stop: ['yza'] }));
    loop.generate(request(2, { maxTokens: 2, stop: ['def'] }));
    await recorded.untilEnded(1, 2);
    expect(recorded.text(1)).toBe('yz');
    expect(recorded.text(2)).toBe('de');
  });

  it('decodes every running choice in every step', async () => {
    const { loop, recorded, decoder } = open({ sequences: 3 });
    for (const id of [1, 2, 3]) loop.generate(request(id, { promptTokens: [id], maxTokens: 4 }));
    await recorded.untilEnded(1, 2, 3);
    expect(decoder.steps.map(sizes)).toEqual([
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
    ]);
  });

  it('fills the rest of a step with prompts, in chunks, while others go on answering', async () => {
    const { loop, recorded, decoder } = open({ sequences: 2, batchSize: 8 });
    loop.generate(request(1, { promptTokens: [0], maxTokens: 6 }));
    await recorded.until(() => recorded.tokens(1) === 1);
    loop.generate(request(2, { promptTokens: Array<number>(20).fill(3), maxTokens: 1 }));
    await recorded.untilEnded(1, 2);
    const withPrompt = decoder.steps.map(sizes).filter((step) => step.length === 2);
    expect(withPrompt).toEqual([
      [1, 7],
      [1, 7],
      [1, 6],
    ]);
  });

  it('never stalls a stream behind a long prompt for more than one chunk', async () => {
    const { loop, recorded, decoder } = open({ sequences: 2, batchSize: 512, contextSize: 2048 });
    loop.generate(request(1, { promptTokens: [0], maxTokens: 20 }));
    await recorded.until(() => recorded.tokens(1) === 1);
    loop.generate(request(2, { promptTokens: Array<number>(1000).fill(3), maxTokens: 1 }));
    await recorded.untilEnded(1, 2);
    const beside = decoder.steps.map(sizes).filter((step) => step.length === 2);
    expect(beside.length).toBeGreaterThan(5);
    for (const [answer, chunk] of beside) {
      expect(answer).toBe(1);
      expect(chunk).toBeLessThanOrEqual(128);
    }
  });

  it('lets a burst begin together, in whole batches, beside the few that are answering', async () => {
    const { loop, recorded, decoder } = open({ sequences: 17, batchSize: 512, contextSize: 2048 });
    loop.generate(request(0, { promptTokens: [0], maxTokens: 20 }));
    await recorded.until(() => recorded.tokens(0) === 1);
    const burst = Array.from({ length: 16 }, (_, i) => i + 1);
    for (const id of burst) loop.generate(request(id, { promptTokens: Array<number>(100).fill(id), maxTokens: 8 }));
    await recorded.untilEnded(0, ...burst);
    const prompts = decoder.steps.map(sizes).map((step) => step.filter((size) => size > 1));
    // Five and a part of the next fit beside the one that is answering; then six of those that are left.
    const chunks = prompts.filter((step) => step.length > 0).map((step) => step.reduce((sum, size) => sum + size, 0));
    expect(chunks).toEqual([511, 506, 501, 82]);
  });

  it('evaluates prompts in short chunks where few can begin beside many that are answering', async () => {
    const { loop, recorded, decoder } = open({ sequences: 12, batchSize: 512, contextSize: 2048 });
    const many = Array.from({ length: 10 }, (_, i) => i + 1);
    for (const id of many) loop.generate(request(id, { promptTokens: [id], maxTokens: 20 }));
    await recorded.until(() => many.every((id) => recorded.tokens(id) >= 1));
    for (const id of [11, 12]) loop.generate(request(id, { promptTokens: Array<number>(200).fill(id), maxTokens: 1 }));
    await recorded.untilEnded(...many, 11, 12);
    const chunks = decoder.steps.map((step) => sizes(step).reduce((sum, size) => sum + (size > 1 ? size : 0), 0));
    expect(chunks.filter((chunk) => chunk > 0)).toEqual([128, 128, 128, 16]);
  });

  it('evaluates a prompt that is longer than a batch', async () => {
    const { loop, recorded, decoder } = open({ batchSize: 4 });
    loop.generate(request(1, { promptTokens: [9, 9, 9, 9, 9, 9, 9, 9, 1], maxTokens: 1 }));
    await recorded.untilEnded(1);
    expect(decoder.steps.map(sizes)).toEqual([[4], [4], [1]]);
    expect(recorded.text(1)).toBe('c');
  });

  it('acts on a cancellation within one token, and counts what was sampled', async () => {
    const { loop, recorded, decoder } = open();
    loop.generate(request(1, { maxTokens: 50, promptTokens: [0] }));
    await recorded.until(() => recorded.tokens(1) === 3);
    const steps = decoder.steps.length;
    loop.cancel(1);
    await recorded.untilEnded(1);
    expect(recorded.end(1)).toMatchObject({ finishReason: 'CANCELLED', tokens: 0 });
    expect(decoder.steps.length - steps).toBeLessThanOrEqual(1);
    expect(recorded.tokens(1)).toBe(recorded.text(1).length);
  });

  it('shows held text when it is cancelled', async () => {
    const { loop, recorded } = open();
    loop.generate(request(1, { maxTokens: 50, stop: ['defgx'] }));
    await recorded.until(() => recorded.tokens(1) === 2);
    loop.cancel(1);
    await recorded.untilEnded(1);
    expect('defgh'.startsWith(recorded.text(1))).toBe(true);
    expect(recorded.text(1)).toHaveLength(recorded.tokens(1));
  });

  it('cancels in the middle of a prompt, and while waiting for a sequence', async () => {
    const { loop, recorded, decoder } = open({ sequences: 1, batchSize: 4 });
    loop.generate(request(1, { promptTokens: Array<number>(40).fill(3) }));
    loop.generate(request(2));
    await recorded.until(() => recorded.events.length > 0);
    loop.cancel(2);
    loop.cancel(1);
    await recorded.untilEnded(1, 2);
    expect(recorded.tokens(1) + recorded.tokens(2)).toBe(0);
    expect(decoder.steps.length).toBeLessThanOrEqual(1);
  });

  it('runs choices beyond the sequences as soon as one is free', async () => {
    const { loop, recorded } = open({ sequences: 1 });
    for (const id of [1, 2, 3]) loop.generate(request(id, { maxTokens: 2 }));
    await recorded.untilEnded(1, 2, 3);
    expect([1, 2, 3].map(recorded.text)).toEqual(['de', 'de', 'de']);
  });

  it('reuses the longest shared prefix of the same scope, and leaves a token to evaluate', async () => {
    const { loop, recorded, decoder } = open({ sequences: 2 });
    loop.generate(request(1, { promptTokens: [5, 6, 7, 8], maxTokens: 2 }));
    await recorded.untilEnded(1);
    loop.generate(request(2, { promptTokens: [5, 6, 7, 8], maxTokens: 2 }));
    await recorded.untilEnded(2);
    loop.generate(request(3, { promptTokens: [5, 6, 20, 8], maxTokens: 1 }));
    await recorded.untilEnded(3);
    const cached = recorded.events.flatMap((event) => (event.type === 'started' ? [event.cached] : []));
    expect(cached).toEqual([0, 3, 2]);
    expect(decoder.evaluated[0]).toEqual([5, 6, 20, 8]);
    expect(recorded.text(2)).toBe(recorded.text(1));
  });

  it('never reuses what another scope evaluated', async () => {
    const { loop, recorded } = open({ sequences: 1 });
    loop.generate(request(1, { promptTokens: [5, 6, 7, 8], maxTokens: 2, cacheScope: 'one' }));
    await recorded.untilEnded(1);
    loop.generate(request(2, { promptTokens: [5, 6, 7, 8], maxTokens: 2, cacheScope: 'other' }));
    await recorded.untilEnded(2);
    expect(recorded.events).toContainEqual({ type: 'started', requestId: 2, cached: 0 });
  });

  it('starts clean where the model cannot forget single tokens, but goes on where nothing is to forget', async () => {
    const { loop, recorded } = open({ sequences: 1, canCut: false });
    loop.generate(request(1, { promptTokens: [0, 1], maxTokens: 2 }));
    await recorded.untilEnded(1);
    loop.generate(request(2, { promptTokens: [0, 1, 2, 3], maxTokens: 2 }));
    await recorded.untilEnded(2);
    loop.generate(request(3, { promptTokens: [0, 1], maxTokens: 2 }));
    await recorded.untilEnded(3);
    const cached = recorded.events.flatMap((event) => (event.type === 'started' ? [event.cached] : []));
    expect(cached).toEqual([0, 3, 0]);
    expect([1, 2, 3].map(recorded.text)).toEqual(['cd', 'ef', 'cd']);
  });

  it('refuses alone what the native library would fail a whole batch for', async () => {
    const { loop, recorded, decoder } = open();
    loop.generate(request(1, { promptTokens: [] }));
    loop.generate(request(2, { promptTokens: [100] }));
    loop.generate(request(3, { promptTokens: Array<number>(60).fill(1), maxTokens: 5 }));
    loop.generate(request(4));
    await recorded.untilEnded(1, 2, 3, 4);
    expect([1, 2, 3].map((id) => recorded.end(id)?.type)).toEqual(['failed', 'failed', 'failed']);
    expect(recorded.text(4)).toBe('defgh');
    expect(decoder.steps.flat().every(({ tokens }) => !tokens.includes(100))).toBe(true);
  });

  it('fails the requests of a step that failed, forgets their sequences and goes on', async () => {
    const { loop, recorded, decoder } = open({ sequences: 1 });
    decoder.beforeStep = () => {
      if (decoder.steps.length === 2) throw new Error('no memory');
    };
    loop.generate(request(1));
    loop.generate(request(2));
    await recorded.untilEnded(1, 2);
    expect(recorded.end(1)).toEqual({ type: 'failed', requestId: 1, message: 'no memory' });
    expect(recorded.text(2)).toBe('defgh');
  });

  it('stops where the next step fails as well, and leaves its requests to the crash that this is', async () => {
    const { loop, recorded, decoder } = open({ sequences: 1 });
    decoder.beforeStep = () => {
      throw new Error('no memory');
    };
    for (const id of [1, 2, 3]) loop.generate(request(id));
    await recorded.until(() => recorded.events.some(({ type }) => type === 'broke'));
    loop.generate(request(4));
    await new Promise((resolve) => setImmediate(resolve));
    expect(decoder.steps).toHaveLength(2);
    expect(recorded.events.filter(({ type }) => type !== 'started')).toEqual([
      { type: 'failed', requestId: 1, message: 'no memory' },
      { type: 'broke', message: 'no memory' },
    ]);
  });

  it('counts failed steps anew after one that did not fail', async () => {
    const { loop, recorded, decoder } = open({ sequences: 1 });
    decoder.beforeStep = () => {
      if ([2, 4].includes(decoder.steps.length)) throw new Error('no memory');
    };
    for (const id of [1, 2, 3]) loop.generate(request(id));
    await recorded.untilEnded(1, 2, 3);
    expect([1, 2].map((id) => recorded.end(id)?.type)).toEqual(['failed', 'failed']);
    expect(recorded.text(3)).toBe('defgh');
  });

  it('is not running without work, and frees every sampler', async () => {
    const { loop, recorded, decoder } = open();
    for (const id of [1, 2, 3]) loop.generate(request(id, { maxTokens: 2 }));
    loop.cancel(2);
    await recorded.untilEnded(1, 2, 3);
    const steps = decoder.steps.length;
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(decoder.steps.length).toBe(steps);
    expect(decoder.samplers.live).toBe(0);
  });

  describe('with prompts that share a prefix', () => {
    const shared = Array.from({ length: 40 }, (_, i) => i % 20);
    const cached = (events: readonly LoopEvent[]) =>
      events.flatMap((event) => (event.type === 'started' ? [event.cached] : []));

    it('evaluates what choices of one prompt share once, and puts it aside once for all of them', async () => {
      const { loop, recorded, decoder } = open({ sequences: 4, batchSize: 64 });
      for (const id of [1, 2, 3, 4]) loop.generate(request(id, { promptTokens: shared, maxTokens: 4 }));
      await recorded.untilEnded(1, 2, 3, 4);
      expect(cached(recorded.events)).toEqual([0, 39, 39, 39]);
      expect(decoder.steps.map(sizes).slice(0, 2)).toEqual([[40], [1, 1, 1, 1]]);
      expect(decoder.copies).toEqual([1, 2, 3].map((to) => ({ from: 0, to, length: 39 })));
      expect(decoder.snapshots).toEqual({ taken: 1, live: 0 });
      expect(new Set([1, 2, 3, 4].map(recorded.text))).toEqual(new Set(['uvwx']));
    });

    it('lets those that share nothing begin while others wait', async () => {
      const { loop, recorded, decoder } = open({ sequences: 3, batchSize: 16 });
      loop.generate(request(1, { promptTokens: shared, maxTokens: 2 }));
      loop.generate(request(2, { promptTokens: [...shared, 3], maxTokens: 2 }));
      loop.generate(request(3, { promptTokens: [7], maxTokens: 2 }));
      await recorded.untilEnded(1, 2, 3);
      const started = recorded.events.flatMap((event) => (event.type === 'started' ? [event.requestId] : []));
      expect(started).toEqual([1, 3, 2]);
      expect(decoder.copies).toEqual([{ from: 0, to: 2, length: 32 }]);
      expect(recorded.text(2)).toBe('ef');
    });

    it('keeps the history of a chat when another one begins with the same words', async () => {
      const { loop, recorded } = open({ sequences: 3, contextSize: 256 });
      const chats = [20, 21].map((word) => [...shared, ...Array<number>(60).fill(word)]);
      const next = (chat: number[]) => [...chat, 5];
      for (const [id, promptTokens] of [chats[0]!, chats[1]!, next(chats[0]!), next(chats[1]!)].entries()) {
        loop.generate(request(id, { promptTokens, maxTokens: 1 }));
        await recorded.untilEnded(id);
      }
      expect(cached(recorded.events)).toEqual([0, 40, 100, 100]);
    });

    it('evaluates again where a copy fails, and does not wait for the next', async () => {
      const { loop, recorded, decoder } = open({ sequences: 3, batchSize: 64 });
      decoder.copiesFail = true;
      loop.generate(request(1, { promptTokens: shared, maxTokens: 2 }));
      loop.generate(request(2, { promptTokens: shared, maxTokens: 2 }));
      await recorded.untilEnded(1, 2);
      expect(decoder.steps.map(sizes)).toEqual([[40], [1, 40], [1]]);
      expect(recorded.text(2)).toBe(recorded.text(1));
      expect(recorded.events).toContainEqual({ type: 'copy-failed', message: 'the disk is full' });
    });

    it('does not wait where states cannot be copied', async () => {
      const { loop, recorded, decoder } = open({ sequences: 2, batchSize: 100, canCut: false });
      for (const id of [1, 2]) loop.generate(request(id, { promptTokens: shared, maxTokens: 2 }));
      await recorded.untilEnded(1, 2);
      expect(decoder.steps.map(sizes)).toEqual([
        [40, 40],
        [1, 1],
      ]);
    });

    it('goes on by itself where the choice that it waited for is cancelled or fails', async () => {
      const { loop, recorded, decoder } = open({ sequences: 2, batchSize: 16 });
      for (const id of [1, 2]) loop.generate(request(id, { promptTokens: shared, maxTokens: 2 }));
      await recorded.until(() => recorded.events.length > 0);
      loop.cancel(1);
      await recorded.untilEnded(1, 2);
      expect(recorded.text(2)).toBe('uv');
      decoder.beforeStep = () => {
        decoder.beforeStep = () => {};
        throw new Error('no memory');
      };
      const others = shared.map((token) => token + 1);
      for (const id of [3, 4]) loop.generate(request(id, { promptTokens: others, maxTokens: 2 }));
      await recorded.untilEnded(3, 4);
      expect(recorded.end(3)).toMatchObject({ type: 'failed', message: 'no memory' });
      expect(recorded.text(4)).toBe('vw');
    });

    it('is begun with by its own scope alone, also where a sequence that was copied from is the next to be copied to', async () => {
      const { loop, recorded, decoder } = open({ sequences: 8, batchSize: 256, contextSize: 256 });
      const [ones, others] = [shared.map((token) => token + 1), shared.toReversed()];
      const chat = [...ones, ...Array<number>(80).fill(2)];
      const stays = { maxTokens: 20 };
      const prompts = [{}, {}, {}, { promptTokens: chat }, {}, { promptTokens: others }, {}, {}];
      for (const [id, prompt] of prompts.entries()) {
        const runsOn = [0, 1, 2, 4, 5].includes(id);
        const cacheScope = id === 3 ? 'one' : 'other';
        loop.generate(request(id, { promptTokens: [id], cacheScope, maxTokens: runsOn ? 20 : 1, ...prompt }));
      }
      await recorded.untilEnded(3, 6, 7);
      loop.generate(request(10, { ...stays, promptTokens: [...ones, 0, 0], cacheScope: 'one' }));
      loop.generate(request(11, { ...stays, promptTokens: [...others, 0], cacheScope: 'other' }));
      loop.generate(request(12, { ...stays, promptTokens: [...others, 1], cacheScope: 'other' }));
      await recorded.untilEnded(12);
      expect(decoder.copies).toEqual([
        { from: 3, to: 6, length: 40 },
        { from: 5, to: 3, length: 40 },
        { from: 3, to: 7, length: 40 },
      ]);
      expect(decoder.evaluated[7]!.slice(0, 41)).toEqual([...others, 1]);
      expect(decoder.snapshots.live).toBe(0);
    });

    it('lets a choice be cancelled while its prompt is being copied', async () => {
      const { loop, recorded, decoder } = open({ sequences: 3, batchSize: 64 });
      for (const id of [1, 2, 3]) loop.generate(request(id, { promptTokens: shared, maxTokens: 3 }));
      await recorded.until(() => decoder.snapshots.live === 1 || recorded.tokens(1) > 0);
      loop.cancel(2);
      loop.cancel(3);
      await recorded.untilEnded(1, 2, 3);
      expect([2, 3].map((id) => recorded.end(id))).toMatchObject([
        { finishReason: 'CANCELLED' },
        { finishReason: 'CANCELLED' },
      ]);
      expect(decoder.snapshots.live).toBe(0);
      expect(decoder.samplers.live).toBe(0);
    });
  });
});
