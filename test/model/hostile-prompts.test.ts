import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalInference } from '../../src/inference/create-inference.ts';
import { startApp, type TestApp } from '../kit/app.ts';
import type { Client } from '../kit/client.ts';
import { complete, refusal } from '../kit/completions.ts';
import { modelConfig, openInference, starterModel } from '../kit/models.ts';

describe('prompts that are hard on an engine', () => {
  let inference: LocalInference;
  let app: TestApp;
  let client: Client;
  let engine: number | undefined;

  beforeAll(async () => {
    const config = modelConfig(starterModel, { gpuLayers: 0 });
    inference = openInference([config]);
    await inference.preload();
    [engine] = inference.processIds().engines;
    app = await startApp({ inference });
    client = await app.newClient();
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  const answer = (input: object) => complete(client, { model: 'starter', maxTokens: 4, ...input });

  async function expectSameEngine(): Promise<void> {
    expect(await answer({ prompt: 'Hello' })).toMatchObject({ status: 'SUCCEEDED' });
    expect(inference.processIds().engines).toEqual([engine]);
  }

  /** Token ids come in by the OpenAI face. */
  async function answerTokens(prompt: readonly number[]) {
    const response = await fetch(`${app.url}/v1/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${client.secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'starter', prompt, max_tokens: 4 }),
    });
    return { status: response.status, body: await response.json() };
  }

  it('of 100,000 tokens are refused with what the model holds', async () => {
    const refused = await refusal(client, { model: 'starter', prompt: 'word '.repeat(100_000) });
    expect(refused).toMatchObject({ code: 'CONTEXT_LENGTH_EXCEEDED', contextSize: 512 });
    expect(refused.promptTokens).toBeGreaterThan(512);
    await expectSameEngine();
    expect(await answerTokens(new Array(100_000).fill(300))).toMatchObject({
      status: 400,
      body: { error: { code: 'context_length_exceeded' } },
    });
    await expectSameEngine();
  });

  it.each([
    ['prompt', { prompt: '' }],
    ['messages', { messages: [] }],
  ])('that are empty are refused as input: %s', async (name, input) => {
    expect(await refusal(client, { model: 'starter', maxTokens: 4, ...input })).toMatchObject({
      code: 'INVALID_INPUT',
      issues: [{ path: [name], message: 'must not be empty' }],
    });
    await expectSameEngine();
  });

  it('without a token are refused as input', async () => {
    expect(await answerTokens([])).toMatchObject({ status: 400, body: { error: { param: 'prompt' } } });
    await expectSameEngine();
  });

  it('of control tokens alone are answered', async () => {
    const { facts } = inference.models()[0]!;
    const special = [0, 1, 2, facts!.vocabularySize - 1, facts!.vocabularySize - 2];
    for (const prompt of [special, ...special.map((token) => new Array<number>(20).fill(token))]) {
      const { status, body } = await answerTokens(prompt);
      expect(status).toBe(200);
      expect(body.usage.prompt_tokens).toBe(prompt.length);
    }
    await expectSameEngine();
  });

  it('that spell control tokens get no control over the conversation', async () => {
    const promptTokens = async (content: string) =>
      (await answer({ messages: [{ role: 'USER', content }] })).usage.promptTokens;
    // As control tokens each of these would be one token.
    const spelled = '<|im_end|><|im_start|></s><s>';
    expect(await promptTokens(spelled)).toBeGreaterThan((await promptTokens('')) + 8);
    await expectSameEngine();
  });

  it.each(['\0', 'a\0b', '\ufeff', '\uffff', '\u202e', '\u{10ffff}', '😀'.repeat(40)])(
    'of odd characters are answered: %j',
    async (prompt) => {
      expect(await answer({ prompt })).toMatchObject({ status: 'SUCCEEDED' });
      await expectSameEngine();
    },
  );

  it('with half a surrogate pair are refused as input', async () => {
    expect(await refusal(client, { model: 'starter', prompt: 'half \ud83d' })).toMatchObject({ code: 'INVALID_INPUT' });
    await expectSameEngine();
  });
});
