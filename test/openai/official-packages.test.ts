import type { IncomingMessage } from 'node:http';
import OpenAI from 'openai';
import OpenAIv3 from 'openai-v3';
import OpenAIv4 from 'openai-v4';
import OpenAIv5 from 'openai-v5';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectCancelled, openService, post, type Service } from './service.ts';

let service: Service;
beforeAll(async () => {
  service = await openService();
});
afterEach(() => service.checked.settled());

const prompt = 'Once upon a time';
const messages = [{ role: 'user' as const, content: 'Tell me a story.' }];
const greedy = { temperature: 0, seed: 1 };

/** Versions 5 and 4 have the surface of 6 as far as it is used here. */
const packages = [
  { version: 6, Client: OpenAI },
  { version: 5, Client: OpenAIv5 as unknown as typeof OpenAI },
  { version: 4, Client: OpenAIv4 as unknown as typeof OpenAI },
];

describe.each(packages)('the official package, version $version', ({ version, Client }) => {
  const open = (changes: ConstructorParameters<typeof OpenAI>[0] = {}) =>
    new Client({ apiKey: service.key, baseURL: service.baseUrl, fetch: service.checked.fetch, ...changes });

  it('lists and retrieves models by name and alias', async () => {
    const ids: string[] = [];
    for await (const { id } of await open().models.list()) ids.push(id);
    expect(ids).toEqual(expect.arrayContaining(['starter', 'text-davinci-003', 'gpt-4o-mini']));
    expect((await open().models.retrieve('gpt-4o-mini')).id).toBe('gpt-4o-mini');
  });

  it('streams the chat completion that it gets in one piece, with the same usage', async () => {
    const body = { model: 'gpt-4o-mini', messages, max_completion_tokens: 8, ...greedy };
    const whole = await open().chat.completions.create(body);
    const stream = await open().chat.completions.create({
      ...body,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);

    expect(whole.choices[0]!.message.content).toMatch(/\S/u);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(
      whole.choices[0]!.message.content,
    );
    expect(chunks[0]!.choices[0]!.delta.role).toBe('assistant');
    expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe(whole.choices[0]!.finish_reason);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: whole.usage!.completion_tokens } });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  it('completes a prompt with the default of 16 tokens, in one piece and streamed', async () => {
    const body = { model: 'text-davinci-003', prompt, ...greedy, logit_bias: service.withoutEnd };
    const whole = await open().completions.create(body);
    let text = '';
    for await (const chunk of await open().completions.create({ ...body, stream: true }))
      text += chunk.choices[0]!.text;
    expect(whole.usage!.completion_tokens).toBe(16);
    expect(whole.choices[0]).toMatchObject({ index: 0, finish_reason: 'length', logprobs: null });
    expect(text).toBe(whole.choices[0]!.text);
  });

  it('ends the generation when it aborts a stream', async () => {
    const user = `leaves with version ${version}`;
    const stream = await open().completions.create({
      model: 'starter',
      prompt,
      max_tokens: 1_900,
      stream: true,
      user,
      logit_bias: service.withoutEnd,
    });
    for await (const _ of stream) break;
    await expectCancelled(service.client, user);
  });

  it('retries what was refused with 429 when there is room again', async () => {
    const key = await service.newKey({ limits: { concurrentCompletions: 1 } });
    const leaving = new AbortController();
    const long = { model: 'starter', prompt, max_tokens: 1_900, stream: true, logit_bias: service.withoutEnd };
    const busy = await post(service, '/completions', long, { key, signal: leaving.signal });
    const seen: number[] = [];
    const answer = await open({
      apiKey: key,
      maxRetries: 4,
      fetch: async (input, init) => {
        const response = await service.checked.fetch(input as string, init as RequestInit);
        seen.push(response.status);
        leaving.abort();
        return response;
      },
    }).completions.create({ model: 'starter', prompt, max_tokens: 2 });
    expect(busy.status).toBe(200);
    expect(seen[0]).toBe(429);
    expect(seen.at(-1)).toBe(200);
    expect(answer.usage!.completion_tokens).toBeGreaterThan(0);
  });

  it('raises its typed errors', async () => {
    const chat = (client: OpenAI, changes: object = {}) =>
      client.chat.completions.create({ model: 'starter', messages, max_tokens: 1, ...changes });
    const stranger = open({ apiKey: 'sk-123', maxRetries: 0 });
    await expect(chat(stranger)).rejects.toMatchObject({
      constructor: Client.AuthenticationError,
      status: 401,
      code: 'invalid_api_key',
    });
    await expect(chat(open(), { model: 'gpt-9' })).rejects.toMatchObject({
      constructor: Client.NotFoundError,
      status: 404,
      code: 'model_not_found',
      param: 'model',
    });
    await expect(chat(open(), { max_tokens: 100_000 })).rejects.toMatchObject({
      constructor: Client.BadRequestError,
      code: 'context_length_exceeded',
    });
    await expect(chat(open(), { response_format: { type: 'json_object' } })).rejects.toMatchObject({
      constructor: Client.BadRequestError,
      code: 'unsupported_parameter',
      param: 'response_format',
    });
  });

  it('does not retry where a retry cannot help', async () => {
    const key = await service.newKey({ limits: { tokensPerMinute: 10 } });
    const before = service.checked.statuses.length;
    await expect(
      open({ apiKey: key }).completions.create({ model: 'starter', prompt, max_tokens: 100 }),
    ).rejects.toMatchObject({ constructor: Client.RateLimitError, status: 429, code: 'rate_limit_exceeded' });
    expect(service.checked.statuses.slice(before)).toEqual([429]);
  });
});

it('serves version 4 over its own transport', async () => {
  const client = new OpenAIv4({ apiKey: service.key, baseURL: service.baseUrl });
  const stream = await client.chat.completions.create({ model: 'gpt-4o-mini', messages, max_tokens: 4, stream: true });
  let reason: string | null = null;
  for await (const chunk of stream) reason = chunk.choices[0]?.finish_reason ?? reason;
  expect(['length', 'stop']).toContain(reason);
});

describe('the official package, version 3', () => {
  const { Configuration, OpenAIApi } = OpenAIv3;
  const open = (apiKey = service.key) => new OpenAIApi(new Configuration({ apiKey, basePath: service.baseUrl }));

  it('creates completions and chat completions', async () => {
    const completion = await open().createCompletion({ model: 'text-davinci-003', prompt, max_tokens: 4, stop: null });
    expect(completion.data.choices[0]!.text).toMatch(/\S/u);
    const chat = await open().createChatCompletion({ model: 'gpt-3.5-turbo', messages, max_tokens: 4 });
    expect(chat.data.choices[0]!.message!.content).toMatch(/\S/u);
    expect((await open().listModels()).data.data.map(({ id }) => id)).toContain('gpt-3.5-turbo');
    expect((await open().retrieveEngine('text-davinci-003')).data.ready).toBe(true);
  });

  it('streams as its users read it: lines of data', async () => {
    const { data } = await open().createCompletion(
      { model: 'text-davinci-003', prompt, max_tokens: 4, stream: true },
      { responseType: 'stream' },
    );
    let raw = '';
    for await (const part of data as unknown as IncomingMessage) raw += part;
    const lines = raw.split('\n').filter((line) => line.trim() !== '');
    expect(lines.at(-1)).toBe('data: [DONE]');
    const text = lines.slice(0, -1).map((line) => JSON.parse(line.replace(/^data: /u, '')).choices[0].text);
    expect(text.join('')).toMatch(/\S/u);
  });

  it('shows errors in the body', async () => {
    await expect(open('sk-123').createCompletion({ model: 'starter', prompt })).rejects.toMatchObject({
      response: { status: 401, data: { error: { code: 'invalid_api_key' } } },
    });
  });
});
