import OpenAI from 'openai';
import OpenAIv4 from 'openai-v4';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openService, post, type Service } from './service.ts';

let service: Service;
beforeAll(async () => {
  service = await openService();
});
afterEach(() => service.checked.settled());

const texts = ['Once upon a time', '从前有一个小女孩'];
const greedy = { model: 'starter', temperature: 0, max_tokens: 12 };

async function tokensOf(prompt: string): Promise<number[]> {
  const { tokenize } = await service.client.execute<{ tokenize: { tokens: number[] } }>(
    'query ($prompt: String!) { tokenize(input: { model: "starter", prompt: $prompt }) { tokens } }',
    { prompt },
  );
  return tokenize.tokens;
}

async function vocabularySize(): Promise<number> {
  const { model } = await service.client.execute<{ model: { facts: { vocabularySize: number } } }>(
    '{ model(name: "starter") { facts { vocabularySize } } }',
  );
  return model.facts.vocabularySize;
}

async function refusal(prompt: unknown) {
  const answer = await post(service, '/completions', { ...greedy, prompt });
  const { error } = (await answer.json()) as { error: { code: string; param: string | null; message: string } };
  return { status: answer.status, ...error };
}

describe('prompts of token ids', () => {
  it.each([
    { version: 6, Client: OpenAI },
    { version: 4, Client: OpenAIv4 as unknown as typeof OpenAI },
  ])('are answered as the text whose tokens they are, to version $version of the official package', async (of) => {
    const client = new of.Client({ apiKey: service.key, baseURL: service.baseUrl, fetch: service.checked.fetch });
    for (const text of texts) {
      const prompt = await tokensOf(text);
      const [fromText, fromTokens] = [
        await client.completions.create({ ...greedy, prompt: text }),
        await client.completions.create({ ...greedy, prompt }),
      ];
      expect(fromTokens.choices).toEqual(fromText.choices);
      expect(fromTokens.choices[0]!.text).toMatch(/\S/u);
      expect(fromTokens.usage).toMatchObject({
        prompt_tokens: prompt.length,
        completion_tokens: fromText.usage!.completion_tokens,
      });
      let streamed = '';
      for await (const { choices } of await client.completions.create({ ...greedy, prompt, stream: true }))
        streamed += choices[0]!.text;
      expect(streamed).toBe(fromText.choices[0]!.text);
    }

    const both = await client.completions.create({ ...greedy, prompt: await Promise.all(texts.map(tokensOf)) });
    const each = await client.completions.create({ ...greedy, prompt: texts });
    expect(both.choices).toEqual(each.choices);
    expect(both.usage!.total_tokens).toBe(each.usage!.total_tokens);
  });

  it('serve the legacy path as well', async () => {
    const body = { ...greedy, model: undefined, prompt: await tokensOf(texts[0]!) };
    expect((await post(service, '/engines/text-davinci-003/completions', body)).status).toBe(200);
  });

  it('may hold control tokens, which text never becomes', async () => {
    const last = (await vocabularySize()) - 1;
    const answer = await post(service, '/completions', { ...greedy, prompt: [last, ...(await tokensOf(texts[0]!))] });
    expect(answer.status).toBe(200);
  });

  it('are refused at the first id that the model does not have, by its place', async () => {
    const size = await vocabularySize();
    expect(await refusal([1, size, size + 1])).toMatchObject({
      status: 400,
      code: 'invalid_value',
      param: 'prompt[1]',
      message: `Invalid value for 'prompt[1]': ${size} is not a token of starter, whose ids go from 0 to ${size - 1}.`,
    });
    expect(await refusal([[1], [1, 2, size]])).toMatchObject({ status: 400, param: 'prompt[1][2]' });
    expect(await refusal([1, -1])).toMatchObject({ status: 400, param: 'prompt[1]' });
    expect(await refusal([1, 'a'])).toMatchObject({ status: 400, param: 'prompt[1]' });
    expect(await refusal([[1], 'a'])).toMatchObject({ status: 400, param: 'prompt[1]' });
    expect(await refusal(['a', [1]])).toMatchObject({ status: 400, param: 'prompt[1]' });
    expect(await refusal(['a', ''])).toMatchObject({ status: 400, param: 'prompt[1]' });
    expect(await refusal([])).toMatchObject({ status: 400, param: 'prompt' });
    expect(await refusal([[]])).toMatchObject({ status: 400, param: 'prompt' });
    expect(await refusal(7)).toMatchObject({ status: 400, code: 'invalid_type', param: 'prompt' });
    expect(await refusal(Array(5_000).fill(1))).toMatchObject({ status: 400, code: 'context_length_exceeded' });
  });

  it('are another input than their text for an idempotency key', async () => {
    const headers = { 'idempotency-key': 'text and tokens' };
    const [text] = texts;
    const prompt = await tokensOf(text!);
    const ask = (asked: unknown) => post(service, '/completions', { ...greedy, prompt: asked }, { headers });
    const [first, again] = [await ask(prompt), await ask(prompt)];
    expect(await again.json()).toEqual(await first.json());
    expect((await ask(text)).status).toBe(409);
  });
});
