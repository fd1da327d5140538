import { expect, test } from 'vitest';
import { runCommand } from '../../../../src/cli/program.ts';
import { isWellFormedSecret } from '../../../../src/lib/api-key-secret.ts';
import { type FakeServiceOptions, startFakeService } from '../fake-service.ts';
import { createFakeTerminal, type FakeTerminal } from '../fake-terminal.ts';

const key = (name: string, changes: object = {}) => ({
  id: `id-${name}`,
  name,
  hint: 'slc_abcd…',
  scopes: ['COMPLETIONS'],
  models: null,
  createdAt: '2026-01-01T00:00:00.000Z',
  expiresAt: null,
  revokedAt: null,
  lastUsedAt: null,
  ...changes,
});

async function run(
  root: FakeServiceOptions['root'],
  argv: readonly string[],
): Promise<FakeTerminal & { status: number }> {
  await using service = await startFakeService({ root });
  const terminal = createFakeTerminal({
    environment: { SLUICE_DATA_DIR: '/nonexistent/sluice', SLUICE_URL: service.url, SLUICE_API_KEY: 'key' },
  });
  return Object.assign(terminal, { status: await runCommand(argv, terminal) });
}

function creating(received: object[]): FakeServiceOptions['root'] {
  return {
    createApiKey: ({ input }: { input: { name: string } }) => {
      received.push({ ...input });
      return { __typename: 'CreateApiKeyPayload', apiKey: key(input.name), secret: 'slc_secret' };
    },
  };
}

test('a new key’s secret is all that stdout gets', async () => {
  const terminal = await run(creating([]), ['keys', 'create', 'mine']);
  expect(terminal.status).toBe(0);
  expect(terminal.output()).toBe('slc_secret\n');
  expect(terminal.notes()).toContain('id-mine');
});

test('a name is needed, as the argument or as --name', async () => {
  const received: object[] = [];
  expect((await run(creating(received), ['keys', 'create'])).notes()).toContain('needs a name');
  expect((await run(creating(received), ['keys', 'create', '--name', 'mine'])).status).toBe(0);
  expect(received).toEqual([{ name: 'mine', scopes: ['COMPLETIONS'] }]);
});

test('scopes, models, lifetime and limits go into the request', async () => {
  const received: { expiresAt?: string; limits?: object }[] = [];
  const before = Date.now();
  const argv = [
    'keys',
    'create',
    'mine',
    '--scope',
    'completions,usage-read',
    '--model',
    'a',
    'b',
    '--expires-in',
    '2h',
  ];
  await run(creating(received), [
    ...argv,
    '--requests-per-minute',
    '5',
    '--tokens-per-day',
    '9',
    '--cost-per-month',
    '1.5',
  ]);
  const [{ expiresAt, limits, ...input } = {}] = received;
  expect(input).toEqual({ name: 'mine', scopes: ['COMPLETIONS', 'USAGE_READ'], models: ['a', 'b'] });
  expect(limits).toEqual({ requestsPerMinute: 5, tokensPerDay: 9, costPerMonth: '1.5' });
  expect(Date.parse(expiresAt!)).toBeGreaterThanOrEqual(before + 7_200_000);
  expect(Date.parse(expiresAt!)).toBeLessThanOrEqual(Date.now() + 7_200_000);
});

test.each([
  ['--expires-in', 'tomorrow', 'such as 12h'],
  ['--tokens-per-day', '1.5', 'a whole number'],
])('%s %s is refused before anything is asked', async (flag, value, expected) => {
  const received: object[] = [];
  const terminal = await run(creating(received), ['keys', 'create', 'mine', flag, value]);
  expect(terminal.status).toBe(1);
  expect(terminal.notes()).toContain(expected);
  expect(received).toEqual([]);
});

function listing(pages: readonly (readonly object[])[]): FakeServiceOptions['root'] {
  return {
    apiKeys: ({ after }: { after: string | null }) => {
      const page = Number(after ?? 0);
      return {
        edges: pages[page]!.map((node) => ({ node, cursor: '' })),
        pageInfo: { hasNextPage: page + 1 < pages.length, endCursor: String(page + 1) },
      };
    },
  };
}

test('the list holds the keys of every page, aligned, and cannot steer the terminal', async () => {
  const revoked = key('\u001b[31msecond\nkey', { id: 'id-second', revokedAt: '2026-01-02T00:00:00.000Z' });
  const terminal = await run(listing([[key('first')], [revoked]]), ['keys', 'list']);
  expect(terminal.output().split('\n')).toEqual([
    'NAME            ID         KEY        SCOPES       STATE    EXPIRES  LAST USED',
    'first           id-first   slc_abcd…  COMPLETIONS  active   -        -',
    '[31msecond key  id-second  slc_abcd…  COMPLETIONS  revoked  -        -',
    '',
  ]);
});

test('--json prints the list as it is', async () => {
  const keys = [key('first'), key('second')];
  const terminal = await run(listing([keys]), ['keys', 'list', '--json']);
  expect(JSON.parse(terminal.output())).toEqual(keys);
});

test('revoking says which key it was; an unknown one is an error', async () => {
  const root: FakeServiceOptions['root'] = {
    revokeApiKey: ({ input }: { input: { id: string } }) =>
      input.id === 'id-mine'
        ? { __typename: 'RevokeApiKeyPayload', apiKey: key('mine') }
        : { __typename: 'NotFoundError', code: 'NOT_FOUND', message: 'There is no such API key.' },
  };
  const revoked = await run(root, ['keys', 'revoke', 'id-mine']);
  expect([revoked.status, revoked.output()]).toEqual([0, 'Revoked the API key "mine".\n']);
  const unknown = await run(root, ['keys', 'revoke', 'id-other']);
  expect([unknown.status, unknown.notes()]).toEqual([1, 'error: There is no such API key. (NOT_FOUND)\n']);
});

test('a generated secret is well formed', async () => {
  const terminal = await run({}, ['keys', 'generate']);
  expect(isWellFormedSecret(terminal.output().trim())).toBe(true);
});
