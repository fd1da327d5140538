import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { complete } from '../kit/completions.ts';
import { usageRecords } from '../kit/usage.ts';
import { allFrames, chunksOf, textOf } from './frames.ts';
import { openService, post, type Service } from './service.ts';

let service: Service;
beforeAll(async () => {
  service = await openService();
});
afterEach(() => service.checked.settled());

interface Completion {
  readonly model: string;
  readonly choices: readonly { readonly index: number; readonly text: string; readonly finish_reason: string }[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number };
}

/**
 * What version 0.28 of the Python client sends for
 * `openai.Completion.create(engine="text-davinci-003", prompt="写一篇关于人工智能的科普文章", max_tokens=1024, n=1, stop=None, temperature=0.7)`:
 * the engine in the path, ASCII-only JSON, `None` as null.
 */
describe('the Python client of 0.28', () => {
  const path = '/engines/text-davinci-003/completions';
  const json = (stream: string) =>
    String.raw`{"prompt": "\u5199\u4e00\u7bc7\u5173\u4e8e\u4eba\u5de5\u667a\u80fd\u7684\u79d1\u666e\u6587\u7ae0", "max_tokens": 1024, "n": 1, "stop": null, "temperature": 0.7${stream}}`;
  const headers = {
    'user-agent': 'OpenAI/v1 PythonBindings/0.28.1',
    'x-openai-client-user-agent': '{"bindings_version": "0.28.1", "httplib": "requests", "lang": "python"}',
    accept: '*/*',
  };

  it('gets its article', async () => {
    const answer = await post(service, path, json(''), { headers });
    const { model, choices, usage } = (await answer.json()) as Completion;
    expect(answer.status).toBe(200);
    expect(model).toBe('starter');
    expect(choices).toHaveLength(1);
    expect(choices[0]!.text).toMatch(/\p{Script=Han}/u);
    expect(['stop', 'length']).toContain(choices[0]!.finish_reason);
    expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
  });

  it('gets it as a stream, whose lines it reads one by one', async () => {
    const answer = await post(service, path, json(', "stream": true'), { headers });
    expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/u);
    const lines = (await answer.text()).split('\n').filter((line) => line !== '');
    expect(lines.every((line) => line.startsWith('data: '))).toBe(true);
    expect(lines.at(-1)).toBe('data: [DONE]');
    const chunks = lines.slice(0, -1).map((line) => JSON.parse(line.slice('data: '.length)) as Completion);
    expect(chunks.map(({ choices }) => choices[0]!.text).join('')).toMatch(/\p{Script=Han}/u);
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toMatch(/^(stop|length)$/u);
  });

  it('lists and finds engines', async () => {
    const get = async (at: string) =>
      (
        await service.checked.fetch(`${service.baseUrl}${at}`, { headers: { authorization: `Bearer ${service.key}` } })
      ).json();
    const { data } = (await get('/engines')) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining(['starter', 'text-davinci-003']));
    expect(await get('/engines/text-davinci-003')).toMatchObject({ id: 'text-davinci-003', ready: true });
  });
});

describe('the same request through both faces', () => {
  const sampling = { seed: 7, temperature: 0.9 };

  async function newestRecord(user: string) {
    const { edges } = await usageRecords(service.client, { first: 1, filter: { user } });
    const { usage, status, finishReason, model } = edges[0]!.node;
    return { usage, status, finishReason, model };
  }

  it('gives the same text and the same usage record for a prompt', async () => {
    const prompt = 'Once upon a time';
    const ours = await complete(service.client, {
      model: 'default',
      prompt,
      maxTokens: 12,
      user: 'both prompts',
      ...sampling,
    });
    const ourRecord = await newestRecord('both prompts');
    const body = { model: 'text-davinci-003', prompt, max_tokens: 12, user: 'both prompts', ...sampling };
    const theirs = (await (await post(service, '/completions', body)).json()) as Completion;
    const streamed = await allFrames(await post(service, '/completions', { ...body, stream: true }));

    expect(theirs.choices[0]!.text).toBe(ours.choices[0]!.text);
    expect(textOf(streamed)).toBe(ours.choices[0]!.text);
    expect(theirs.usage).toMatchObject({
      prompt_tokens: ours.usage.promptTokens,
      completion_tokens: ours.usage.completionTokens,
    });
    expect(await newestRecord('both prompts')).toEqual(ourRecord);
  });

  it('gives the same text and the same usage record for messages', async () => {
    const content = 'What is the capital of France?';
    const ours = await complete(service.client, {
      model: 'default',
      messages: [
        { role: 'SYSTEM', content: 'You are brief.' },
        { role: 'USER', content },
      ],
      user: 'both messages',
      ...sampling,
    });
    const ourRecord = await newestRecord('both messages');
    const answer = await post(service, '/chat/completions', {
      model: 'gpt-4o-mini',
      messages: [
        { role: 'developer', content: [{ type: 'text', text: 'You are brief.' }] },
        { role: 'user', content, name: null },
      ],
      user: 'both messages',
      ...sampling,
    });
    const { choices } = (await answer.json()) as { choices: { message: { content: string } }[] };
    expect(choices[0]!.message.content).toBe(ours.choices[0]!.text);
    expect(await newestRecord('both messages')).toEqual(ourRecord);
  });

  it('numbers the choices of several prompts as OpenAI does', async () => {
    const body = { model: 'starter', prompt: ['One', 'Two'], n: 2, max_tokens: 4, seed: 3 };
    const { choices, usage } = (await (await post(service, '/completions', body)).json()) as Completion;
    const each = await Promise.all(
      body.prompt.map(
        async (prompt) => (await post(service, '/completions', { ...body, prompt })).json() as Promise<Completion>,
      ),
    );
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(choices.map(({ text }) => text)).toEqual(each.flatMap((one) => one.choices.map(({ text }) => text)));
    expect(usage.total_tokens).toBe(each[0]!.usage.total_tokens + each[1]!.usage.total_tokens);

    const frames = await allFrames(await post(service, '/completions', { ...body, stream: true }));
    expect([0, 1, 2, 3].map((index) => textOf(frames, index))).toEqual(choices.map(({ text }) => text));
    expect(frames.at(-1)).toEqual({ data: '[DONE]' });
    expect(new Set(chunksOf(frames).map(({ id }) => id)).size).toBe(1);
  });
});
