import { type Command, InvalidArgumentError, Option } from 'commander';
import { connect } from '../connect.ts';
import { formatCsv } from '../csv.ts';
import * as documents from '../documents.ts';
import type { Percentiles, UsageBucket, UsageReport } from '../results.ts';
import { addSettings, administrationSettings, flagsOf } from '../settings.ts';
import { type Column, formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface UsageOptions extends Readonly<Record<string, unknown>> {
  readonly from?: string;
  readonly before?: string;
  readonly groupBy?: readonly string[];
  readonly granularity?: string;
  readonly timeZone: string;
  readonly project?: string;
  readonly format: 'table' | 'csv' | 'json';
}

const groups = ['project', 'api-key', 'model', 'user'];
const granularities = ['minute', 'hour', 'day', 'month'];

export function addUsageCommand(program: Command, terminal: Terminal): void {
  addSettings(program.command('usage'), administrationSettings)
    .description('sum up what was used')
    .option(
      '--from <time>',
      'start, such as 2026-01-31 or 2026-01-31T12:00:00Z (default: of this month, UTC)',
      parseTime,
    )
    .option('--before <time>', 'end, not included (default: now)', parseTime)
    .option('--group-by <groups...>', `what to tell apart: ${groups.join(', ')}`, parseGroups)
    .addOption(new Option('--granularity <length>', 'length of a bucket (default: all in one)').choices(granularities))
    .option('--time-zone <name>', 'where days and months begin', 'UTC')
    .option('--project <id>', 'of one project only')
    .addOption(
      new Option('--format <format>', 'json is one line per row').choices(['table', 'csv', 'json']).default('table'),
    )
    .action(async (options: UsageOptions) => {
      await using connection = await connect(flagsOf(options, administrationSettings), terminal);
      const { usage } = await connection.execute<{ usage: UsageReport }>(documents.usage, { input: inputOf(options) });
      terminal.out(formatted(usage, options));
    });
}

function inputOf({ from, before, groupBy = [], granularity, timeZone, project }: UsageOptions) {
  const now = new Date();
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth()));
  return {
    range: { from: from ?? month.toISOString(), before: before ?? now.toISOString() },
    groupBy: groupBy.map((group) => group.toUpperCase().replaceAll('-', '_')),
    ...(granularity && { granularity: granularity.toUpperCase() }),
    timeZone,
    ...(project && { projectId: project }),
  };
}

function formatted({ buckets, currency }: UsageReport, { format, granularity, groupBy = [] }: UsageOptions): string {
  if (format === 'json') return buckets.map((bucket) => `${JSON.stringify({ ...bucket, currency })}\n`).join('');
  const columns = [
    ...(granularity ? [startColumn] : []),
    ...groups.filter((group) => groupBy.includes(group)).flatMap((group) => groupColumns[group]!),
    ...sumColumns(currency),
  ];
  return format === 'csv' ? formatCsv(columns, buckets) : formatTable(columns, buckets);
}

const startColumn: Column<UsageBucket> = { title: 'START', value: ({ start }) => start ?? '' };

const groupColumns: Readonly<Record<string, readonly Column<UsageBucket>[]>> = {
  project: [{ title: 'PROJECT', value: ({ project }) => project?.name ?? '' }],
  'api-key': [
    { title: 'KEY', value: ({ apiKey }) => apiKey?.name ?? '' },
    { title: 'KEY ID', value: ({ apiKeyId }) => apiKeyId ?? '' },
  ],
  model: [{ title: 'MODEL', value: ({ model }) => model ?? '' }],
  user: [{ title: 'USER', value: ({ user }) => user ?? '' }],
};

function sumColumns(currency: string): readonly Column<UsageBucket>[] {
  const right = (title: string, value: (bucket: UsageBucket) => string) => ({ title, value, align: 'right' as const });
  const read = (percentiles: Percentiles | null, which: keyof Percentiles) => percentiles?.[which].toPrecision(3) ?? '';
  return [
    right('REQUESTS', ({ requests }) => requests),
    right('ERRORS', ({ errors }) => errors),
    right('PROMPT', ({ promptTokens }) => promptTokens),
    right('CACHED', ({ cachedPromptTokens }) => cachedPromptTokens),
    right('COMPLETION', ({ completionTokens }) => completionTokens),
    right(`COST ${currency}`, ({ cost }) => cost),
    right('TTFT P50', (bucket) => read(bucket.timeToFirstTokenSeconds, 'p50')),
    right('TTFT P95', (bucket) => read(bucket.timeToFirstTokenSeconds, 'p95')),
    right('TOK/S P50', (bucket) => read(bucket.tokensPerSecond, 'p50')),
    right('TOK/S P95', (bucket) => read(bucket.tokensPerSecond, 'p95')),
  ];
}

function parseTime(text: string): string {
  const moment = new Date(
    /^\d{4}-\d\d(-\d\d)?$/u.test(text) ? `${text}${text.length === 7 ? '-01' : ''}T00:00:00Z` : text,
  );
  if (!/^\d{4}-/u.test(text) || Number.isNaN(moment.getTime())) {
    throw new InvalidArgumentError('write a time such as 2026-01-31 (UTC) or 2026-01-31T12:00:00Z.');
  }
  return moment.toISOString();
}

function parseGroups(text: string, earlier: readonly string[] = []): readonly string[] {
  const named = text.split(',').map((group) => group.trim().toLowerCase().replaceAll('_', '-'));
  const unknown = named.find((group) => !groups.includes(group));
  if (unknown !== undefined) throw new InvalidArgumentError(`"${unknown}" is none of ${groups.join(', ')}.`);
  return [...earlier, ...named];
}
