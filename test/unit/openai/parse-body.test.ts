import { describe, expect, it } from 'vitest';
import { parseBody } from '../../../src/openai/parse-body.ts';
import { promptsOf } from '../../../src/openai/prompts.ts';
import { chatRules, completionRules } from '../../../src/openai/requests.ts';

const many = (value: unknown) => Array<unknown>(1_000_000).fill(value);
const model = 'm';

describe('a body of very many values', () => {
  it.each([
    ['messages', chatRules, { model, messages: many({}) }],
    ['parts of a message', chatRules, { model, messages: [{ role: 'user', content: many(1) }] }],
    ['stop sequences', completionRules, { model, prompt: 'a', stop: many(null) }],
    ['biases', completionRules, { model, prompt: 'a', logit_bias: many('x') }],
    ['unknown arguments', completionRules, { model, prompt: 'a', ...many(1) }],
  ])('is refused for its number before anybody looks at them: %s', (_name, rules, body) => {
    expect(() => parseBody(rules as typeof chatRules, body)).toThrow('The request holds more than 32768 values.');
  });

  it('may be a prompt of tokens, and is refused at the first that is none', () => {
    const promptOf = (prompt: unknown) => promptsOf(parseBody(completionRules, { model, prompt }).prompt);
    expect(promptOf(many(7))).toHaveLength(1);
    expect(() => promptOf([1, ...many(null)])).toThrow("Invalid value for 'prompt[1]': is not a token id.");
    let deep: unknown = 1;
    for (let depth = 0; depth < 100_000; depth++) deep = [deep];
    expect(() => promptOf([deep, [1]])).toThrow("Invalid value for 'prompt[0][0]'");
    expect(() => parseBody(completionRules, { model, prompt: 'a', stop: deep })).toThrow('values');
  });
});
