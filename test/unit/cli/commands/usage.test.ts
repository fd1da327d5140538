import { expect, test } from 'vitest';
import { runCommand } from '../../../../src/cli/program.ts';
import { startFakeService } from '../fake-service.ts';
import { createFakeTerminal } from '../fake-terminal.ts';

const bucket = (changes: object) => ({
  start: '2026-01-01T00:00:00.000Z',
  project: { id: 'p', name: 'default' },
  apiKeyId: 'k',
  apiKey: null,
  model: 'starter',
  user: 'ann',
  requests: '2',
  errors: '1',
  promptTokens: '30',
  cachedPromptTokens: '4',
  completionTokens: '5',
  totalTokens: '35',
  cost: '0.25',
  timeToFirstTokenSeconds: { p50: 0.12345, p95: 1.5 },
  tokensPerSecond: null,
  ...changes,
});

async function run(argv: readonly string[], buckets: readonly object[] = [bucket({})]) {
  const inputs: Record<string, unknown>[] = [];
  const root = {
    usage: ({ input }: { input: Record<string, unknown> }) => {
      inputs.push(JSON.parse(JSON.stringify(input)));
      return { currency: 'EUR', buckets, totals: null };
    },
  };
  await using service = await startFakeService({ root });
  const terminal = createFakeTerminal({
    environment: { SLUICE_DATA_DIR: '/nonexistent/sluice', SLUICE_URL: service.url, SLUICE_API_KEY: 'key' },
  });
  const status = await runCommand(['usage', ...argv], terminal);
  return { status, inputs, output: terminal.output(), notes: terminal.notes() };
}

test('the range, the groups, the buckets and the zone go into the request', async () => {
  const { status, inputs } = await run([
    ...['--from', '2026-01', '--before', '2026-02-01T05:30:00+05:30', '--group-by', 'model,API_KEY', 'user'],
    ...['--granularity', 'day', '--time-zone', 'Asia/Kolkata', '--project', 'p1'],
  ]);
  expect(status).toBe(0);
  expect(inputs).toEqual([
    {
      range: { from: '2026-01-01T00:00:00.000Z', before: '2026-02-01T00:00:00.000Z' },
      groupBy: ['MODEL', 'API_KEY', 'USER'],
      granularity: 'DAY',
      timeZone: 'Asia/Kolkata',
      projectId: 'p1',
    },
  ]);
});

test('without a range it is this month so far', async () => {
  const { inputs } = await run([]);
  const { from, before } = inputs[0]!.range as { from: string; before: string };
  expect(from).toBe(`${before.slice(0, 7)}-01T00:00:00.000Z`);
  expect(Math.abs(Date.parse(before) - Date.now())).toBeLessThan(60_000);
});

test('a table shows the columns that were asked for, and percentiles', async () => {
  const { output } = await run(['--group-by', 'model']);
  const [titles, row] = output.trimEnd().split('\n');
  expect(titles!.split(/ {2,}/u)).toEqual(
    ['MODEL', 'REQUESTS', 'ERRORS', 'PROMPT', 'CACHED', 'COMPLETION', 'COST EUR', 'TTFT P50', 'TTFT P95'].concat([
      'TOK/S P50',
      'TOK/S P95',
    ]),
  );
  expect(row!.split(/ +/u)).toEqual(['starter', '2', '1', '30', '4', '5', '0.25', '0.123', '1.50', '-', '-']);
});

test('CSV quotes what needs it and lets no cell be a formula', async () => {
  const { output } = await run(['--group-by', 'user', '--format', 'csv'], [bucket({ user: '=1+"1",2' }), bucket({})]);
  const [titles, formula, plain] = output.split('\r\n');
  expect(titles).toMatch(/^USER,REQUESTS,/u);
  expect(formula).toMatch(/^"'=1\+""1"",2",2,1,30,/u);
  expect(plain).toMatch(/^ann,2,1,30,4,5,0\.25,0\.123,1\.50,,$/u);
});

test('JSON is one line per row, exact to the digit', async () => {
  const { output } = await run(['--format', 'json'], [bucket({}), bucket({ requests: '9007199254740993' })]);
  const lines = output.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).requests)).toEqual(['2', '9007199254740993']);
  expect(JSON.parse(lines[0]!)).toMatchObject({ currency: 'EUR', cost: '0.25' });
});

test.each([
  ['--from', 'yesterday'],
  ['--group-by', 'weather'],
  ['--granularity', 'week'],
  ['--format', 'xml'],
])('%s %s is refused before anything is asked', async (flag, value) => {
  const { status, inputs, notes } = await run([flag, value]);
  expect(status).toBe(1);
  expect(inputs).toEqual([]);
  expect(notes).toContain(value);
});
