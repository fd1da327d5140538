import { expect, test, vi } from 'vitest';
import type { ModelFacts } from '../../../../src/contracts/inference.ts';
import type { FromTokenizer, ToTokenizer } from '../../../../src/inference/protocol.ts';
import { createTokenizerClient } from '../../../../src/inference/tokenizer/client.ts';
import { createFakeChildren } from '../fixtures/fake-children.ts';

const file = { path: '/models/m.gguf', version: '1' };
const model = { name: 'm', file, contextSize: 8 };

function open() {
  const children = createFakeChildren<ToTokenizer, FromTokenizer>();
  const unreadable: string[] = [];
  const client = createTokenizerClient(
    {
      environment: {},
      hangSeconds: 10,
      reopenSeconds: 30,
      log: () => {},
      opened: () => {},
      unreadable: (path, message) => unreadable.push(`${path} ${message}`),
    },
    children.start,
  );
  const tokenize = (signal?: AbortSignal) => client.tokenize(model, { type: 'text', text: 'x' }, signal);
  return { client, unreadable, tokenize, tokenizer: () => children.started.at(-1)! };
}

test('a file that turns out unreadable when who asked has left is known as such, and blamed for nothing else', async () => {
  const { unreadable, tokenize, tokenizer } = open();
  const leaving = new AbortController();
  const left = tokenize(leaving.signal);
  tokenizer().say({ type: 'opening', modelPath: file.path });
  leaving.abort(new Error('gone'));
  await expect(left).rejects.toThrow('gone');
  tokenizer().say({ type: 'refused', requestId: 1, refusal: { reason: 'unreadable', message: 'bad magic' } });
  expect(unreadable).toEqual([`${file.path} m.gguf: bad magic`]);
  tokenizer().end('died of SIGKILL');
  const again = tokenize();
  tokenizer().say({ type: 'tokens', requestId: 2, tokens: [1] });
  expect(await again).toEqual({ tokens: [1] });
});

test('a request to a tokenizer that was stopped may be made again', async () => {
  const { client, tokenize } = open();
  await client[Symbol.asyncDispose]();
  await expect(tokenize()).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE', facts: { retryAfterSeconds: 1 } });
});

test('a file whose opening kills the tokenizer is left alone, longer after each death, until it opens', async () => {
  using _ = useFakeTimers();
  const { tokenize, tokenizer } = open();
  const asked = () => tokenizer().sent.length;
  for (const pauseSeconds of [30, 60, 120]) {
    const dying = tokenize();
    tokenizer().say({ type: 'opening', modelPath: file.path });
    const bystander = tokenize();
    tokenizer().end('died of SIGSEGV');
    for (const failed of [dying, bystander]) await expect(failed).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    const before = asked();
    vi.advanceTimersByTime(pauseSeconds * 1_000 - 1);
    await expect(tokenize()).rejects.toThrow('the process that opened it died of SIGSEGV');
    expect(asked()).toBe(before);
    vi.advanceTimersByTime(1);
  }
  const facts = { vocabularySize: 1 } as ModelFacts;
  tokenize().catch(() => {});
  tokenizer().say({ type: 'opened', modelPath: file.path, fileVersion: '1', facts });
  tokenizer().say({ type: 'opening', modelPath: file.path });
  tokenizer().end('died of SIGSEGV');
  vi.advanceTimersByTime(30_000);
  const again = tokenize();
  tokenizer().say({ type: 'tokens', requestId: lastIdOf(tokenizer().sent), tokens: [1] });
  expect(await again).toEqual({ tokens: [1] });
});

function lastIdOf(sent: readonly ToTokenizer[]): number {
  return sent.flatMap((message) => (message.type === 'tokenize' ? message.requestId : [])).at(-1)!;
}

function useFakeTimers(): Disposable {
  vi.useFakeTimers();
  return { [Symbol.dispose]: () => void vi.useRealTimers() };
}
