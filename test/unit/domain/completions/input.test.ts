import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../../src/contracts/errors.ts';
import { checkPromptInput, createCompletionInputCheck, hashInput } from '../../../../src/domain/completions/input.ts';

const limits = { maxN: 8, maxStop: 16 };
const least = { model: 'm', prompt: 'p' };
const check = (input: object) => createCompletionInputCheck(limits)({ ...least, ...input });
const hash = (input: object, model = 'm') => Buffer.from(hashInput(check(input), model)).toString('hex');

describe('completion input', () => {
  it('is complete with the documented defaults, whether omitted or null', () => {
    const complete = {
      model: 'm',
      prompt: { type: 'text', text: 'p' },
      mode: 'WAIT',
      maxTokens: undefined,
      n: 1,
      stop: [],
      sampling: {
        temperature: 1,
        topP: 1,
        topK: 0,
        minP: 0,
        seed: undefined,
        presencePenalty: 0,
        frequencyPenalty: 0,
        repeatPenalty: 1,
        logitBias: new Map(),
      },
      user: null,
      metadata: null,
      idempotencyKey: null,
      priority: 0,
      timeoutSeconds: 600,
      store: true,
    };
    expect(check({})).toEqual(complete);
    const nulls = [
      'maxTokens',
      'n',
      'stop',
      'temperature',
      'seed',
      'logitBias',
      'user',
      'metadata',
      'store',
      'messages',
    ];
    expect(check(Object.fromEntries(nulls.map((name) => [name, null])))).toEqual(complete);
  });

  it('never fails but with INVALID_INPUT that says where, whatever it is given', () => {
    const anything = fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true });
    const names = [
      'prompt',
      'messages',
      'tokens',
      'maxTokens',
      'n',
      'stop',
      'seed',
      'logitBias',
      'metadata',
      'user',
      'unknown',
    ];
    const inputs = fc.oneof(
      anything,
      fc.dictionary(fc.constantFrom(...names), anything).map((more) => ({ ...least, ...more })),
    );
    fc.assert(
      fc.property(inputs, (input) => {
        try {
          createCompletionInputCheck(limits)(input);
        } catch (error) {
          expect(error).toBeInstanceOf(DomainError);
          expect(error).toMatchObject({ code: 'INVALID_INPUT' });
          expect((error as DomainError).facts.issues!.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('says what is wrong with a key of logitBias', () => {
    expect(() => check({ logitBias: { word: 1 } })).toThrow('logitBias.word: is not a token id');
    const many = Object.fromEntries(Array.from({ length: 1_025 }, (_, index) => [`word ${index}`, 1]));
    expect(() => check({ logitBias: many })).toThrow(/^logitBias: holds more than 1024 tokens$/u);
    expect(() => check({ logitBias: 'word' })).toThrow('logitBias');
  });

  it('describes no more of what is wrong than one needs, however much it is', () => {
    expect(() => check({ logitBias: 'x'.repeat(1_000_000) })).toThrow(/logitBias: .*expected record/u);
    expect(() => check({ metadata: Array.from({ length: 100_000 }, () => []) })).toThrow(
      /^metadata: is over \d+ bytes$/u,
    );
  });

  it('takes token ids instead of text, and says which of them is none', () => {
    const tokens = (ids: unknown) => check({ prompt: undefined, tokens: ids }).prompt;
    expect(tokens([0, 5, 2 ** 31 - 1])).toEqual({ type: 'tokens', tokens: [0, 5, 2 ** 31 - 1] });
    for (const bad of [-1, 1.5, 2 ** 31, '1', null, [1]]) {
      expect(() => tokens([1, bad, bad])).toThrow(/^tokens\.1: is not a token id$/u);
    }
    expect(() => tokens([])).toThrow('tokens: must not be empty');
    expect(() => check({ tokens: [1] })).toThrow('prompt and tokens given');
    expect(() => checkPromptInput({ tokens: [1] })).toThrow(/tokens/u);
  });

  it('refuses text that no column can hold', () => {
    for (const bad of ['\0', 'half \ud800']) {
      expect(() => check({ user: bad })).toThrow(DomainError);
      expect(() => check({ idempotencyKey: bad })).toThrow(DomainError);
    }
    expect(check({ prompt: 'a\0b' }).prompt).toEqual({ type: 'text', text: 'a\0b' });
    expect(() => checkPromptInput({ prompt: 'half \udc00' })).toThrow(/lone surrogate/u);
  });
});

describe('what an idempotency key stands for', () => {
  it('is the same whether a default is spelled out, an alias used, or entries come in another order', () => {
    const plain = hash({});
    expect(hash({ n: 1, temperature: 1, stop: [], mode: 'WAIT', store: true, metadata: null })).toBe(plain);
    expect(hash({ idempotencyKey: 'another' })).toBe(plain);
    expect(hash({ model: 'alias' })).toBe(plain);
    expect(hash({ metadata: { a: 1, b: [{ c: 2, d: 3 }] } })).toBe(hash({ metadata: { b: [{ d: 3, c: 2 }], a: 1 } }));
    expect(hash({ logitBias: { 7: 1, 5: 2 } })).toBe(hash({ logitBias: { 5: 2, 7: 1 } }));
    expect(hash({ stop: ['a', 'a'] })).toBe(hash({ stop: ['a'] }));
  });

  it('is another for every other input', () => {
    const others = [
      {},
      { prompt: 'q' },
      { prompt: null, messages: [{ role: 'USER', content: 'p' }] },
      { prompt: null, tokens: [1, 2] },
      { prompt: null, tokens: [12] },
      { partOf: 'a request' },
      { partOf: 'another request' },
      { mode: 'STREAM' },
      { maxTokens: 1 },
      { n: 2 },
      { stop: ['a'] },
      { temperature: 0 },
      { topP: 0.5 },
      { topK: 1 },
      { minP: 0.5 },
      { seed: 0 },
      { presencePenalty: 1 },
      { frequencyPenalty: 1 },
      { repeatPenalty: 2 },
      { logitBias: { 1: 1 } },
      { logitBias: { 1: 2 } },
      { user: 'u' },
      { metadata: {} },
      { priority: 1 },
      { timeoutSeconds: 1 },
      { store: false },
    ];
    const hashes = [...others.map((input) => hash(input)), hash({}, 'another model')];
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});
