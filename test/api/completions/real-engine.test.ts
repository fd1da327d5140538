import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../../kit/app.ts';
import { type Client, expectNoErrors } from '../../kit/client.ts';
import {
  allEvents,
  cancel,
  complete,
  type EventView,
  events,
  find,
  serverSentEvents,
  textOf,
} from '../../kit/completions.ts';
import { endlessBias } from '../../kit/endless.ts';

const prompt = 'Once upon a time';
const greedy = { model: 'default', prompt, temperature: 0 };

describe('completions by the starter model', () => {
  let app: TestApp;
  let client: Client;
  let withoutEnd: Readonly<Record<string, number>>;

  beforeAll(async () => {
    app = await startApp();
    client = await app.newClient();
    withoutEnd = await endlessBias(client);
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it('waits for the finished text of a prompt, and counts every token', async () => {
    const completion = await complete(client, { ...greedy, maxTokens: 12 });
    expect(completion).toMatchObject({
      status: 'SUCCEEDED',
      mode: 'WAIT',
      model: 'starter',
      maxTokens: 12,
      error: null,
    });
    expect(completion.choices).toEqual([
      { index: 0, text: expect.stringMatching(/\S/u), finishReason: 'LENGTH', stopSequence: null },
    ]);
    expect(completion.usage).toMatchObject({ completionTokens: 12, promptTokens: await countTokens(prompt) });
    expect(completion.usage.totalTokens).toBe(completion.usage.promptTokens + 12);
  });

  it('answers messages through the chat template, with the tokens that tokenize counts', async () => {
    const messages = [
      { role: 'SYSTEM', content: 'You are brief.' },
      { role: 'USER', content: 'Hello' },
    ];
    const completion = await complete(client, { model: 'default', messages, temperature: 0, maxTokens: 8 });
    const { tokenize } = await client.execute<{ tokenize: { count: number } }>(
      'query ($input: TokenizeInput!) { tokenize(input: $input) { count } }',
      { input: { model: 'default', messages } },
    );
    expect(completion.status).toBe('SUCCEEDED');
    expect(completion.usage.promptTokens).toBe(tokenize.count);
    expect(tokenize.count).toBeGreaterThan(await countTokens('You are brief.Hello'));
  });

  it('says the same with temperature 0, waited for or streamed over WebSocket and SSE', async () => {
    const input = { ...greedy, maxTokens: 24 };
    const waited = await complete(client, input);

    const streamed = await complete(client, { ...input, mode: 'STREAM' });
    expect(['QUEUED', 'RUNNING']).toContain(streamed.status);
    const seen = await allEvents(client, { id: streamed.id });
    expectWholeLog(seen, 'CompletionFinished');
    expect(textOf(seen)).toBe(waited.choices[0]!.text);
    expect(seen.at(-1)!.completion!.choices).toEqual(waited.choices);

    const third = await complete(client, { ...input, mode: 'STREAM' });
    const received: EventView[] = [];
    for await (const result of serverSentEvents(client, { id: third.id })) {
      received.push(expectNoErrors(result).completionEvents);
    }
    expectWholeLog(received, 'CompletionFinished');
    expect(textOf(received)).toBe(waited.choices[0]!.text);
  });

  it('goes on in the background with nobody reading', async () => {
    const { id } = await complete(client, { ...greedy, maxTokens: 24, mode: 'BACKGROUND' });
    const seen = await allEvents(client, { id });
    expect(seen.at(-1)!.completion).toMatchObject({ status: 'SUCCEEDED', mode: 'BACKGROUND' });
    expect((await find(client, id))!.choices[0]!.text).toBe(textOf(seen));
  });

  it('cuts a stop sequence that spans tokens, and never shows a part of it', async () => {
    const whole = (await complete(client, { ...greedy, maxTokens: 40 })).choices[0]!.text;
    // From the middle of one word to the middle of the next: no token of its own.
    const at = whole.search(/\w{3} \w{3}/u);
    expect(at).toBeGreaterThan(0);
    const stop = whole.slice(at + 1, at + 6);
    const created = await complete(client, { ...greedy, maxTokens: 40, stop: [stop], mode: 'STREAM' });
    const seen = await allEvents(client, { id: created.id });
    const before = whole.slice(0, whole.indexOf(stop));
    let shown = '';
    for (const { text } of seen.flatMap(({ choices }) => choices ?? [])) {
      shown += text;
      expect(before.startsWith(shown)).toBe(true);
    }
    expect(seen.at(-1)!.completion!.choices).toEqual([
      { index: 0, text: before, finishReason: 'STOP_SEQUENCE', stopSequence: stop },
    ]);
  });

  it('repeats a seed exactly, also in other company, and reports the one that it drew', async () => {
    const input = { model: 'default', prompt, maxTokens: 24, temperature: 1.5 };
    const drawn = await complete(client, input);
    const [again, other] = await Promise.all([
      complete(client, { ...input, seed: drawn.seed }),
      complete(client, { ...input, seed: (drawn.seed + 17) % 2 ** 32 }),
    ]);
    expect(again.choices).toEqual(drawn.choices);
    expect(other.choices[0]!.text).not.toBe(drawn.choices[0]!.text);
  });

  it('repeats the highest seed, which the library takes for none', async () => {
    const input = { model: 'default', prompt, maxTokens: 24, temperature: 1.5, seed: 4_294_967_295 };
    const texts = [];
    for (let i = 0; i < 3; i++) texts.push((await complete(client, input)).choices[0]!.text);
    expect(texts[0]).not.toBe('');
    expect(texts).toEqual([texts[0], texts[0], texts[0]]);
  });

  it('samples choice i with seed + i, and ends each choice by itself', async () => {
    const input = { model: 'default', prompt, maxTokens: 16, temperature: 1.5, seed: 4_294_967_295 };
    const many = await complete(client, { ...input, n: 3 });
    const second = await complete(client, { ...input, seed: 0 });
    expect(many.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(new Set(many.choices.map(({ text }) => text)).size).toBe(3);
    expect(many.choices[1]!.text).toBe(second.choices[0]!.text);
    for (const { finishReason } of many.choices) expect(['STOP', 'LENGTH']).toContain(finishReason);
    expect(many.usage.promptTokens).toBe(second.usage.promptTokens);
  });

  it.each([
    ['topK 1', { topK: 1 }],
    ['a tiny topP', { topP: 0.000_001 }],
    ['minP 1', { minP: 1 }],
  ])('is greedy with %s at any temperature', async (_name, sampling) => {
    const greedily = await complete(client, { ...greedy, maxTokens: 16 });
    const sampled = await complete(client, { model: 'default', prompt, maxTokens: 16, temperature: 2, ...sampling });
    expect(sampled.choices[0]!.text).toBe(greedily.choices[0]!.text);
  });

  it('keeps a token away that logitBias forbids', async () => {
    const first = await complete(client, { ...greedy, maxTokens: 1 });
    const { tokenize } = await client.execute<{ tokenize: { tokens: number[] } }>(
      'query ($input: TokenizeInput!) { tokenize(input: $input) { tokens } }',
      { input: { model: 'default', prompt: prompt + first.choices[0]!.text } },
    );
    const token = tokenize.tokens.at(-1)!;
    const biased = await complete(client, { ...greedy, maxTokens: 1, logitBias: { [token]: -100 } });
    expect(biased.choices[0]!.text).not.toBe(first.choices[0]!.text);
  });

  it('takes no harm from a logitBias for tokens that the model does not have', async () => {
    const plain = await complete(client, { ...greedy, maxTokens: 8 });
    const biased = await complete(client, { ...greedy, maxTokens: 8, logitBias: { 999999999: 100 } });
    expect(biased).toMatchObject({ status: 'SUCCEEDED', choices: plain.choices });
  });

  it('repeats itself less under penalties', async () => {
    const { tokenize } = await client.execute<{ tokenize: { tokens: number[] } }>(
      'query ($input: TokenizeInput!) { tokenize(input: $input) { tokens } }',
      { input: { model: 'default', prompt: ' the' } },
    );
    // A favourite that nothing else beats, until it has been said often enough.
    const logitBias = { ...withoutEnd, [tokenize.tokens[0]!]: 40 };
    const input = { ...greedy, prompt: 'Once upon a time', maxTokens: 48, logitBias };
    const timesSaid = async (penalty: object) => {
      const { choices } = await complete(client, { ...input, ...penalty });
      return choices[0]!.text.split(' the').length - 1;
    };
    expect(await timesSaid({})).toBe(48);
    expect(await timesSaid({ frequencyPenalty: 2 })).toBeLessThan(40);
    expect(await timesSaid({ repeatPenalty: 10 })).toBeLessThan(40);
  });

  it('shows whole characters only, whatever bytes its tokens are', async () => {
    const input = {
      model: 'default',
      prompt: '你好，世界！🙂🙂🙂 Привет',
      maxTokens: 32,
      temperature: 2,
      n: 4,
      seed: 5,
    };
    const created = await complete(client, { ...input, mode: 'STREAM' });
    const seen = await allEvents(client, { id: created.id });
    const deltas = seen.flatMap(({ choices }) => choices ?? []);
    expect(deltas.length).toBeGreaterThan(0);
    for (const { text } of deltas) expect(text.isWellFormed()).toBe(true);
    const { choices } = seen.at(-1)!.completion!;
    expect(choices.map(({ index }) => textOf(seen, index))).toEqual(choices.map(({ text }) => text));
  });

  it('stops within a token of a cancellation, and keeps and bills the text so far', async () => {
    const created = await complete(client, { ...greedy, maxTokens: 1_000, logitBias: withoutEnd, mode: 'STREAM' });
    let cancelled: Awaited<ReturnType<typeof cancel>> | undefined;
    const seen: EventView[] = [];
    for await (const event of events(client, { id: created.id })) {
      seen.push(event);
      if (event.__typename === 'CompletionDelta') cancelled ??= await cancel(client, created.id);
    }
    expectWholeLog(seen, 'CompletionCancelled');
    const { status, choices, usage, error } = cancelled!.completion!;
    expect({ status, error }).toEqual({ status: 'CANCELLED', error: null });
    expect(choices[0]).toMatchObject({ text: textOf(seen), finishReason: 'CANCELLED' });
    expect(usage.completionTokens).toBeGreaterThan(0);
    expect(usage.completionTokens).toBeLessThan(1_000);
  });

  async function countTokens(text: string): Promise<number> {
    const { tokenize } = await client.execute<{ tokenize: { count: number } }>(
      'query ($input: TokenizeInput!) { tokenize(input: $input) { count } }',
      { input: { model: 'default', prompt: text } },
    );
    return tokenize.count;
  }
});

/** What every log is: rising seqs, one terminal event, and that last. */
function expectWholeLog(seen: readonly EventView[], terminal: string): void {
  const seqs = seen.map(({ seq }) => seq);
  expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
  expect(new Set(seqs).size).toBe(seqs.length);
  const ends = ['CompletionFinished', 'CompletionFailed', 'CompletionCancelled'];
  expect(seen.filter(({ __typename }) => ends.includes(__typename)).map(({ __typename }) => __typename)).toEqual([
    terminal,
  ]);
  expect(seen.at(-1)!.__typename).toBe(terminal);
}
