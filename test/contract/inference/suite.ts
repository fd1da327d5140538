import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CompletionId, ProjectId } from '../../../src/contracts/ids.ts';
import type { ChoiceDelta, Inference, InferenceJob, InferencePart } from '../../../src/contracts/inference.ts';
import { greedy } from '../../kit/sampling.ts';

export interface InferenceUnderTest {
  readonly inference: Inference;
  readonly model: string;
  /** A raw prompt that the model answers with a few dozen words at least, the same ones whenever it is greedy. */
  readonly prompt: string;
}

const forever = new AbortController().signal;

/** What every adapter of the inference contract promises. */
export function inferenceContract(name: string, open: () => Promise<InferenceUnderTest>): void {
  describe(`inference contract: ${name}`, () => {
    let under: InferenceUnderTest;
    let promptTokens: readonly number[];

    beforeAll(async () => {
      under = await open();
      promptTokens = (await under.inference.tokenize(under.model, { type: 'text', text: under.prompt })).tokens;
    });
    afterAll(() => under.inference[Symbol.asyncDispose]());

    const jobOf = (changes: Partial<InferenceJob> = {}): InferenceJob => ({
      completionId: 'completion' as CompletionId,
      model: under.model,
      cacheScope: 'project' as ProjectId,
      promptTokens,
      n: 1,
      maxTokens: 12,
      stop: [],
      sampling: greedy,
      ...changes,
    });

    async function run(job: InferenceJob, signal = forever): Promise<InferencePart[]> {
      using slot = await under.inference.acquireSlot(under.model, forever);
      const parts: InferencePart[] = [];
      for await (const part of under.inference.generate(job, slot, signal)) parts.push(part);
      return parts;
    }

    const totalSlots = () => under.inference.models().find(({ name }) => name === under.model)!.slots;

    async function takeEverySlot(): Promise<void> {
      const slots = await Promise.all(
        Array.from({ length: totalSlots() }, () =>
          under.inference.acquireSlot(under.model, AbortSignal.timeout(10_000)),
        ),
      );
      for (const slot of slots) slot[Symbol.dispose]();
    }

    it('sends one started, then deltas, then one finished with the usage, and nothing after it', async () => {
      const parts = await run(jobOf());
      expect(parts[0]?.type).toBe('started');
      expect(parts.at(-1)?.type).toBe('finished');
      expect(parts.slice(1, -1).every(({ type }) => type === 'delta')).toBe(true);
      expect(usageOf(parts)).toMatchObject({ promptTokens: promptTokens.length, completionTokens: 12 });
    });

    it('names each choice at most once in a delta, however many tokens it carries', async () => {
      for (const part of await run(jobOf({ maxTokens: 40, n: 2 }))) {
        if (part.type !== 'delta') continue;
        const indexes = part.choices.map(({ index }) => index);
        expect(indexes).toEqual([...new Set(indexes)]);
      }
    });

    it('ends at maxTokens with LENGTH and counts every token once', async () => {
      for (const maxTokens of [1, 2, 7]) {
        const parts = await run(jobOf({ maxTokens }));
        const [choice] = choicesOf(parts);
        expect(choice).toMatchObject({ tokens: maxTokens, finishReason: 'LENGTH' });
        expect(usageOf(parts).completionTokens).toBe(maxTokens);
      }
    });

    it('answers the same prompt with the same text when it is greedy', async () => {
      const texts = await Promise.all([run(jobOf()), run(jobOf()), run(jobOf())]);
      const [first, ...others] = texts.map((parts) => choicesOf(parts)[0]!.text);
      expect(first).not.toBe('');
      for (const other of others) expect(other).toBe(first);
    });

    it('stops before a stop sequence, says which, and shows no part of it', async () => {
      const [whole] = choicesOf(await run(jobOf({ maxTokens: 20 })));
      for (const [start, length] of [
        [4, 6],
        [9, 1],
        [1, 12],
      ] as const) {
        const stop = whole!.text.slice(start, start + length);
        const parts = await run(jobOf({ maxTokens: 20, stop: ['never\u0001said', stop] }));
        const [choice] = choicesOf(parts);
        const expected = whole!.text.slice(0, whole!.text.indexOf(stop));
        expect(choice).toMatchObject({ text: expected, finishReason: 'STOP_SEQUENCE', stopSequence: stop });
        expect(usageOf(parts).completionTokens).toBe(choice!.tokens);
        expect(choice!.tokens).toBeGreaterThan(0);
        for (const delta of deltasOf(parts)) expect(expected).toContain(delta.text);
      }
    });

    it('shows what was held back for a stop sequence that never came', async () => {
      const [whole] = choicesOf(await run(jobOf()));
      const never = `${whole!.text.slice(-3)}\u0001`;
      const [choice] = choicesOf(await run(jobOf({ stop: [never] })));
      expect(choice).toMatchObject({ text: whole!.text, finishReason: 'LENGTH' });
    });

    it('gives every choice of n an end of its own, also when n exceeds the slots', async () => {
      const n = totalSlots() + 2;
      const parts = await run(jobOf({ n, maxTokens: 5 }));
      const choices = choicesOf(parts);
      expect(choices).toHaveLength(n);
      for (const choice of choices) expect(choice).toMatchObject({ tokens: 5, finishReason: 'LENGTH' });
      expect(usageOf(parts)).toMatchObject({ promptTokens: promptTokens.length, completionTokens: 5 * n });
      await takeEverySlot();
    });

    it('lets a single slot work through all choices when the others are taken', async () => {
      const slots = await Promise.all(
        Array.from({ length: totalSlots() }, () => under.inference.acquireSlot(under.model, forever)),
      );
      const parts: InferencePart[] = [];
      for await (const part of under.inference.generate(jobOf({ n: 3, maxTokens: 3 }), slots[0]!, forever)) {
        parts.push(part);
      }
      for (const slot of slots) slot[Symbol.dispose]();
      expect(choicesOf(parts).map(({ finishReason }) => finishReason)).toEqual(['LENGTH', 'LENGTH', 'LENGTH']);
    });

    it('still finishes when it is aborted: open choices are CANCELLED and what was produced is counted', async () => {
      const stopping = new AbortController();
      using slot = await under.inference.acquireSlot(under.model, forever);
      const parts: InferencePart[] = [];
      const job = jobOf({ n: totalSlots() + 1, maxTokens: 400 });
      for await (const part of under.inference.generate(job, slot, stopping.signal)) {
        parts.push(part);
        if (part.type === 'delta') stopping.abort();
      }
      expect(parts.at(-1)?.type).toBe('finished');
      const choices = choicesOf(parts);
      expect(choices).toHaveLength(job.n);
      expect(choices.at(-1)).toMatchObject({ tokens: 0, text: '', finishReason: 'CANCELLED' });
      expect(choices[0]!.finishReason).toBe('CANCELLED');
      expect(usageOf(parts).completionTokens).toBe(choices.reduce((sum, { tokens }) => sum + tokens, 0));
      await takeEverySlotBut(1);
    });

    async function takeEverySlotBut(taken: number): Promise<void> {
      const slots = await Promise.all(
        Array.from({ length: totalSlots() - taken }, () =>
          under.inference.acquireSlot(under.model, AbortSignal.timeout(10_000)),
        ),
      );
      for (const slot of slots) slot[Symbol.dispose]();
    }

    it('cancels a job that was aborted before it began without producing anything', async () => {
      const parts = await run(jobOf({ n: 2 }), AbortSignal.abort());
      expect(parts.map(({ type }) => type)).toEqual(['started', 'delta', 'finished']);
      expect(choicesOf(parts).map(({ finishReason }) => finishReason)).toEqual(['CANCELLED', 'CANCELLED']);
      expect(usageOf(parts).completionTokens).toBe(0);
    });

    it('is free for the next job at once when the iteration is left', async () => {
      using slot = await under.inference.acquireSlot(under.model, forever);
      for await (const part of under.inference.generate(jobOf({ maxTokens: 400 }), slot, forever)) {
        if (part.type === 'delta') break;
      }
      const parts: InferencePart[] = [];
      for await (const part of under.inference.generate(jobOf(), slot, forever)) parts.push(part);
      expect(choicesOf(parts)[0]).toMatchObject({ tokens: 12, finishReason: 'LENGTH' });
    });

    it('returns from a pending next() at once when the iteration is left', async () => {
      using slot = await under.inference.acquireSlot(under.model, forever);
      const iterator = under.inference.generate(jobOf({ maxTokens: 400 }), slot, forever)[Symbol.asyncIterator]();
      const pending = iterator.next();
      await iterator.return!();
      expect(['started', undefined]).toContain((await pending).value?.type);
      expect((await iterator.next()).done).toBe(true);
    });

    it('makes a waiting slot acquisition leave the line when its signal aborts', async () => {
      const slots = await Promise.all(
        Array.from({ length: totalSlots() }, () => under.inference.acquireSlot(under.model, forever)),
      );
      const leaving = new AbortController();
      const waiting = under.inference.acquireSlot(under.model, leaving.signal);
      leaving.abort(new Error('gone'));
      await expect(waiting).rejects.toThrow('gone');
      for (const slot of slots) slot[Symbol.dispose]();
      slots[0]![Symbol.dispose]();
      await takeEverySlot();
    });

    it('leaves memory once what runs has ended, tells of it, and is loaded again by order or by a job', async () => {
      const { inference, model } = under;
      const status = () => inference.models().find(({ name }) => name === model)!.status;
      const seen: string[] = [];
      const stopWatching = inference.watchPool(() => seen.push(status()));
      using slot = await inference.acquireSlot(model, forever);
      const job = inference.generate(jobOf({ maxTokens: 100 }), slot, forever)[Symbol.asyncIterator]();
      const parts = [(await job.next()).value as InferencePart];
      const left = inference.unload(model);
      expect(status()).toBe('UNLOADING');
      for (let next = await job.next(); !next.done; next = await job.next()) parts.push(next.value);
      expect(usageOf(parts).completionTokens).toBe(100);
      await left;
      expect(status()).toBe('UNLOADED');
      await inference.unload(model);
      await inference.load(model, forever);
      expect(status()).toBe('LOADED');
      await inference.unload(model);
      await inference.prepare(slot, forever);
      expect(status()).toBe('LOADED');
      stopWatching();
      expect(seen).toEqual(expect.arrayContaining(['UNLOADING', 'UNLOADED', 'LOADED']));
      expect(inference.pool().models.find(({ name }) => name === model)).toMatchObject({ status: 'LOADED' });
      expect(usageOf(await run(jobOf())).completionTokens).toBe(12);
    });

    it('knows no model that is not in the catalogue', async () => {
      await expect(under.inference.tokenize('nobody', { type: 'text', text: 'x' })).rejects.toMatchObject({
        code: 'MODEL_NOT_FOUND',
      });
    });

    it('refuses text that cannot fit without tokenising it, and says what would fit', async () => {
      const { contextSize } = under.inference.models().find(({ name }) => name === under.model)!;
      const text = 'word '.repeat(contextSize * 200);
      await expect(under.inference.tokenize(under.model, { type: 'text', text })).rejects.toMatchObject({
        code: 'CONTEXT_LENGTH_EXCEEDED',
        facts: { contextSize, promptTokens: expect.toSatisfy((tokens: number) => tokens > contextSize) },
      });
    });

    it('takes tokens for what they are, and refuses the first that the model does not have', async () => {
      const { inference, model } = under;
      const tokenize = (tokens: readonly number[]) => inference.tokenize(model, { type: 'tokens', tokens });
      const { vocabularySize } = inference.models().find(({ name }) => name === model)!.facts!;
      const given = [...promptTokens].reverse();
      expect((await tokenize(given)).tokens).toEqual(given);
      expect((await tokenize([vocabularySize - 1])).tokens).toEqual([vocabularySize - 1]);
      await expect(tokenize([...given, vocabularySize, vocabularySize])).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        facts: { issues: [{ path: ['tokens', String(given.length)], code: 'unknown_token' }] },
      });
    });

    it('tokenises text that is a little too long, for the caller to decide', async () => {
      const { contextSize } = under.inference.models().find(({ name }) => name === under.model)!;
      const text = 'a b c d '.repeat(Math.ceil(contextSize / 4) + 1);
      const { tokens } = await under.inference.tokenize(under.model, { type: 'text', text });
      expect(tokens.length).toBeGreaterThan(contextSize);
    });
  });
}

function deltasOf(parts: readonly InferencePart[]): ChoiceDelta[] {
  return parts.flatMap((part) => (part.type === 'delta' ? part.choices : []));
}

function choicesOf(parts: readonly InferencePart[]): ChoiceDelta[] {
  const choices: ChoiceDelta[] = [];
  for (const delta of deltasOf(parts)) {
    const before = choices[delta.index];
    if (before?.finishReason !== undefined) throw new Error(`choice ${delta.index} went on after its end`);
    choices[delta.index] = before
      ? { ...before, ...delta, text: before.text + delta.text, tokens: before.tokens + delta.tokens }
      : delta;
  }
  return choices;
}

function usageOf(parts: readonly InferencePart[]) {
  const last = parts.at(-1);
  if (last?.type !== 'finished') throw new Error('the parts do not end with finished');
  return last.usage;
}
