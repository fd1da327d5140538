import { expect, test } from 'vitest';
import { runCommand } from '../../../../src/cli/program.ts';
import { waitFor } from '../../../kit/wait-for.ts';
import { acceptingRoot, delta, ended, finishedCompletion } from '../fake-completion.ts';
import { type FakeServiceOptions, startFakeService } from '../fake-service.ts';
import { createFakeTerminal } from '../fake-terminal.ts';

/** A directory without a server, so that SLUICE_URL is used. */
const nowhere = { SLUICE_DATA_DIR: '/nonexistent/sluice', SLUICE_API_KEY: 'key' };

async function serve(events: () => AsyncGenerator<object>, root: FakeServiceOptions['root'] = {}) {
  const received: Record<string, unknown>[] = [];
  const cancelled: string[] = [];
  const service = await startFakeService({
    root: {
      ...acceptingRoot(received),
      cancelCompletion: ({ input }: { input: { id: string } }) => {
        cancelled.push(input.id);
        return { __typename: 'NotFoundError' };
      },
      completionEvents: events,
      ...root,
    },
  });
  return Object.assign(service, { received, cancelled });
}

async function* hello() {
  yield delta(1, 'Hello, ');
  yield delta(2, 'world');
  yield ended(3, finishedCompletion('Hello, world'));
}

test('text is printed as it arrives', async () => {
  let goOn = () => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  await using service = await serve(async function* () {
    yield delta(1, 'Hello, ');
    await held;
    yield delta(2, 'world');
    yield ended(3, finishedCompletion('Hello, world'));
  });
  const terminal = createFakeTerminal({ environment: { ...nowhere, SLUICE_URL: service.url } });
  const running = runCommand(['complete', 'Say hello'], terminal);
  await waitFor('the first text', () => terminal.output() === 'Hello, ');
  goOn();
  expect(await running).toBe(0);
  expect(terminal.output()).toBe('Hello, world');
  expect(terminal.notes()).toBe('');
});

test('options go into the request, and what is not given stays the default of the service', async () => {
  await using service = await serve(hello);
  const environment = { ...nowhere, SLUICE_URL: service.url };
  const options = ['--model', 'm', '--max-tokens', '7', '--temperature', '0', '--seed', '3', '--stop', 'a', 'b'];
  expect(await runCommand(['complete', 'Hi', ...options], createFakeTerminal({ environment }))).toBe(0);
  expect(await runCommand(['complete', '--system', 'Be brief'], createFakeTerminal({ environment, input: 'Hi' }))).toBe(
    0,
  );
  const [raw, chat] = service.received.map(({ idempotencyKey, ...input }) => ({ ...input }));
  expect(raw).toEqual({
    model: 'm',
    mode: 'STREAM',
    prompt: 'Hi',
    maxTokens: 7,
    temperature: 0,
    seed: 3,
    stop: ['a', 'b'],
  });
  expect(chat).toEqual({
    model: 'starter',
    mode: 'STREAM',
    messages: [
      { role: 'SYSTEM', content: 'Be brief' },
      { role: 'USER', content: 'Hi' },
    ],
  });
});

test('--json prints one line, the finished completion, and nothing else', async () => {
  await using service = await serve(hello);
  const terminal = createFakeTerminal({ environment: { ...nowhere, SLUICE_URL: service.url } });
  expect(await runCommand(['complete', 'Hi', '--json'], terminal)).toBe(0);
  expect(terminal.output()).toMatch(/^[^\n]+\n$/u);
  expect(JSON.parse(terminal.output())).toMatchObject(finishedCompletion('Hello, world'));
});

test('a completion that fails says why and exits with 1, after the text it had', async () => {
  const error = { __typename: 'TimeoutError', code: 'TIMEOUT', message: 'It took longer than 1 s.' };
  await using service = await serve(async function* () {
    yield delta(1, 'Hel');
    yield ended(2, finishedCompletion('Hel', { status: 'FAILED', error }), 'CompletionFailed');
  });
  const terminal = createFakeTerminal({ environment: { ...nowhere, SLUICE_URL: service.url } });
  expect(await runCommand(['complete', 'Hi'], terminal)).toBe(1);
  expect(terminal.output()).toBe('Hel');
  expect(terminal.notes()).toBe('error: It took longer than 1 s. (TIMEOUT)\n');
});

test('a refused request says why and exits with 1', async () => {
  await using service = await serve(hello, {
    createCompletion: () => ({
      __typename: 'QuotaExceededError',
      code: 'QUOTA_EXCEEDED',
      message: 'The quota is used up.',
    }),
  });
  const terminal = createFakeTerminal({ environment: { ...nowhere, SLUICE_URL: service.url } });
  expect(await runCommand(['complete', 'Hi'], terminal)).toBe(1);
  expect(terminal.output()).toBe('');
  expect(terminal.notes()).toBe('error: The quota is used up. (QUOTA_EXCEEDED)\n');
});

async function* endless() {
  yield delta(1, 'Hello, ');
  await new Promise(() => {});
}

test('Ctrl-C cancels the completion and exits with 130', async () => {
  await using service = await serve(endless);
  const terminal = createFakeTerminal({ environment: { ...nowhere, SLUICE_URL: service.url } });
  const running = runCommand(['complete', 'Hi'], terminal);
  await waitFor('the first text', () => terminal.output() === 'Hello, ');
  terminal.interrupt();
  expect(await running).toBe(130);
  expect(service.cancelled).toEqual(['completion-1']);
});

test('when nobody reads stdout any more, the completion is cancelled without a word', async () => {
  await using service = await serve(endless);
  const terminal = createFakeTerminal({ environment: { ...nowhere, SLUICE_URL: service.url } });
  const running = runCommand(['complete', 'Hi'], terminal);
  await waitFor('the first text', () => terminal.output() === 'Hello, ');
  terminal.closeOutput();
  expect(await running).toBe(0);
  expect(service.cancelled).toEqual(['completion-1']);
  expect(terminal.notes()).toBe('');
});

test.each([
  [['complete', 'Hi'], { ...nowhere }, 'sluice serve'],
  [
    ['complete', 'Hi'],
    { SLUICE_DATA_DIR: nowhere.SLUICE_DATA_DIR, SLUICE_URL: 'http://127.0.0.1:9' },
    'SLUICE_API_KEY',
  ],
  [['complete'], { ...nowhere }, 'there is no prompt'],
  [['complete', 'Hi', '--max-tokens', 'many'], { ...nowhere }, 'write a number'],
  [['complete', 'Hi', '--wat'], { ...nowhere }, "unknown option '--wat'"],
])('%j with %j says on stderr what to do', async (argv, environment, expected) => {
  const terminal = createFakeTerminal({ environment });
  expect(await runCommand(argv, terminal)).toBe(1);
  expect(terminal.notes()).toMatch(/^error: /u);
  expect(terminal.notes()).toContain(expected);
  expect(terminal.output()).toBe('');
});
