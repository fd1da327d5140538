import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { HumanMessage, SystemMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { APICallError, generateText, streamText } from 'ai';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectCancelled, openService, post, type Service } from './service.ts';

let service: Service;
beforeAll(async () => {
  service = await openService();
});
afterEach(() => service.checked.settled());

/** A key with one place, and a stream that holds it until somebody is refused. */
async function keyWithBusyPlace() {
  const key = await service.newKey({ limits: { concurrentCompletions: 1 } });
  const leaving = new AbortController();
  await post(
    service,
    '/completions',
    { model: 'starter', prompt: 'Once', max_tokens: 1_900, stream: true, logit_bias: service.withoutEnd },
    { key, signal: leaving.signal },
  );
  const statuses: number[] = [];
  const fetchAndMakeRoom: typeof fetch = async (input, init) => {
    const answer = await service.checked.fetch(input, init);
    statuses.push(answer.status);
    leaving.abort();
    return answer;
  };
  return { key, fetch: fetchAndMakeRoom, statuses };
}

describe('the AI SDK', () => {
  const open = (changes: { apiKey?: string; fetch?: typeof fetch } = {}) =>
    createOpenAICompatible({
      name: 'sluice',
      baseURL: service.baseUrl,
      apiKey: service.key,
      fetch: service.checked.fetch,
      includeUsage: true,
      ...changes,
    });
  const settings = { temperature: 0, seed: 1, maxOutputTokens: 8 };

  it('streams the text that it generates, with the same usage', async () => {
    const asked = { model: open()('gpt-4o-mini'), system: 'You are brief.', prompt: 'Tell me a story.', ...settings };
    const generated = await generateText(asked);
    const streamed = streamText(asked);
    let text = '';
    for await (const part of streamed.textStream) text += part;
    expect(generated.text).toMatch(/\S/u);
    expect(text).toBe(generated.text);
    expect(generated.usage.outputTokens).toBeGreaterThan(0);
    expect((await streamed.usage).outputTokens).toBe(generated.usage.outputTokens);
    expect(await streamed.finishReason).toBe(generated.finishReason);
  });

  it('completes prompts with a completion model', async () => {
    const { text } = await generateText({
      model: open().completionModel('text-davinci-003'),
      prompt: 'Once',
      ...settings,
    });
    expect(text).toMatch(/\S/u);
  });

  it('ends the generation when it aborts', async () => {
    const leaving = new AbortController();
    const { fullStream } = streamText({
      model: open()('starter'),
      prompt: 'Tell me a story.',
      maxOutputTokens: 1_900,
      abortSignal: leaving.signal,
      providerOptions: { sluice: { user: 'ai-sdk-aborter', logit_bias: service.withoutEnd } },
      onError() {},
    });
    for await (const part of fullStream) if (part.type === 'text-delta') leaving.abort();
    await expectCancelled(service.client, 'ai-sdk-aborter');
  });

  it('retries what was refused with 429', async () => {
    const { statuses, ...busy } = await keyWithBusyPlace();
    const { key, fetch } = busy;
    const { text } = await generateText({
      model: open({ apiKey: key, fetch })('starter'),
      prompt: 'Hello',
      maxOutputTokens: 4,
    });
    expect(text).toBeDefined();
    expect([statuses[0], statuses.at(-1)]).toEqual([429, 200]);
  });

  it('understands errors', async () => {
    const call = generateText({ model: open({ apiKey: 'sk-123' })('starter'), prompt: 'Hello' });
    const error = await call.catch((thrown: unknown) => thrown);
    expect(APICallError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ statusCode: 401, isRetryable: false, message: expect.stringContaining('malformed') });
  });
});

describe('LangChain', () => {
  const open = (changes: Partial<ConstructorParameters<typeof ChatOpenAI>[0] & object> = {}, ownFetch?: typeof fetch) =>
    new ChatOpenAI({
      model: 'gpt-4o-mini',
      apiKey: service.key,
      temperature: 0,
      maxTokens: 8,
      configuration: { baseURL: service.baseUrl, fetch: ownFetch ?? service.checked.fetch },
      ...changes,
    });
  const conversation = [new SystemMessage('You are brief.'), new HumanMessage('Tell me a story.')];

  it('streams the message that it is answered with', async () => {
    const answer = await open().invoke(conversation);
    let text = '';
    for await (const chunk of await open().stream(conversation)) text += chunk.content;
    expect(answer.content).toMatch(/\S/u);
    expect(text).toBe(answer.content);
    expect(answer.usage_metadata).toMatchObject({ output_tokens: expect.any(Number) });
  });

  it('ends the generation when it aborts', async () => {
    const leaving = new AbortController();
    const reading = (async () => {
      const stream = await open({
        maxTokens: 1_900,
        user: 'langchain-aborter',
        modelKwargs: { logit_bias: service.withoutEnd },
      }).stream(conversation, {
        signal: leaving.signal,
      });
      for await (const _ of stream) leaving.abort();
    })();
    await expect(reading).rejects.toThrow(/abort/iu);
    await expectCancelled(service.client, 'langchain-aborter');
  });

  it('retries what was refused with 429', async () => {
    const { key, fetch, statuses } = await keyWithBusyPlace();
    const answer = await open({ apiKey: key, maxRetries: 4 }, fetch).invoke(conversation);
    expect(answer.content).toBeDefined();
    expect([statuses[0], statuses.at(-1)]).toEqual([429, 200]);
  });

  it('understands errors', async () => {
    await expect(open({ apiKey: 'sk-123', maxRetries: 0 }).invoke(conversation)).rejects.toMatchObject({ status: 401 });
  });
});
