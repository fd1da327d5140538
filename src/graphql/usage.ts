import type { Percentiles } from '../contracts/stores/usage.ts';
import type { UsageBucket as Bucket, UsageReport, UsageTotals } from '../domain/usage/usage.ts';
import { ApiKeyNode } from './api-key.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { UsageGranularityEnum, UsageGroupEnum } from './enums.ts';
import { idFilter } from './id-filter.ts';
import { encodeId } from './ids.ts';
import { ProjectNode } from './project.ts';

const TimeRangeInput = builder.inputType('TimeRangeInput', {
  description: 'A range of time, at most five years.',
  fields: (t) => ({
    from: t.field({ type: 'DateTime', required: true, description: 'Its start, included.' }),
    before: t.field({ type: 'DateTime', required: true, description: 'Its end, excluded.' }),
  }),
});

const UsageInput = builder.inputType('UsageInput', {
  description: 'Which usage to sum up, and how.',
  fields: (t) => ({
    range: t.field({ type: TimeRangeInput, required: true, description: 'By the moment of admission.' }),
    granularity: t.field({
      type: UsageGranularityEnum,
      description: 'Length of a bucket; one for the whole range where omitted.',
    }),
    timeZone: t.string({
      required: true,
      defaultValue: 'UTC',
      description: 'IANA name of the zone in which days and months begin, such as Asia/Kolkata.',
    }),
    groupBy: t.field({
      type: [UsageGroupEnum],
      required: true,
      defaultValue: [],
      description: 'What to tell rows apart by; nothing where empty.',
    }),
    projectId: t.id({
      description: "Global id of one project; the caller's where omitted, and all for the scope ADMIN.",
    }),
  }),
});

const UsagePercentiles = builder.objectRef<Percentiles>('UsagePercentiles').implement({
  description: 'How a value spreads over requests. Each is off by at most 5 %: they are read from logarithmic bins.',
  fields: (t) => ({
    p50: t.exposeFloat('p50', { description: 'The median: half of the requests are at or below it.' }),
    p95: t.exposeFloat('p95', { description: '95 % of the requests are at or below it.' }),
  }),
});

const UsageSums = builder.interfaceRef<UsageTotals>('UsageSums').implement({
  description: 'Sums over usage records.',
  fields: (t) => ({
    requests: t.expose('requests', { type: 'BigInt', description: 'Completions that ended, however they did.' }),
    errors: t.expose('errors', { type: 'BigInt', description: 'Of these, those that FAILED.' }),
    promptTokens: t.expose('promptTokens', { type: 'BigInt', description: 'Tokens of prompts.' }),
    cachedPromptTokens: t.expose('cachedPromptTokens', {
      type: 'BigInt',
      description: 'Of the prompt tokens, those that did not need to be evaluated again.',
    }),
    completionTokens: t.expose('completionTokens', { type: 'BigInt', description: 'Sampled tokens.' }),
    totalTokens: t.field({
      type: 'BigInt',
      description: 'promptTokens + completionTokens.',
      resolve: ({ promptTokens, completionTokens }) => promptTokens + completionTokens,
    }),
    cost: t.expose('cost', { type: 'Decimal', description: 'Money, in the currency of the report.' }),
    timeToFirstTokenSeconds: t.field({
      type: UsagePercentiles,
      nullable: true,
      description: 'From admission to the first token, of the requests that had one; null where none had.',
      resolve: async (sums) => (await sums.percentiles()).timeToFirstTokenSeconds,
    }),
    tokensPerSecond: t.field({
      type: UsagePercentiles,
      nullable: true,
      description: 'Sampled tokens per second of running, of the requests that produced any; null where none did.',
      resolve: async (sums) => (await sums.percentiles()).tokensPerSecond,
    }),
  }),
  resolveType: (totals) => ('bucketStart' in totals ? 'UsageBucket' : 'UsageTotals'),
});

const UsageTotalsType = builder.objectRef<UsageTotals>('UsageTotals').implement({
  description: 'Sums over a whole report.',
  interfaces: [UsageSums],
});

const UsageBucket = builder.objectRef<Bucket>('UsageBucket').implement({
  description: 'Sums over one bucket of time and one group. Empty ones are left out.',
  interfaces: [UsageSums],
  fields: (t) => ({
    start: t.expose('bucketStart', {
      type: 'DateTime',
      nullable: true,
      description: 'Where the bucket begins; null without a granularity.',
    }),
    project: t.field({
      type: ProjectNode,
      nullable: true,
      description: 'The project, when grouped by PROJECT.',
      resolve: ({ projectId }) => projectId,
    }),
    apiKey: t.field({
      type: ApiKeyNode,
      nullable: true,
      description:
        'The key, when grouped by API_KEY; null where it is another and yours lacks the scope ADMIN (see apiKeyId).',
      resolve: ({ apiKeyId }) => apiKeyId,
    }),
    apiKeyId: t.id({
      nullable: true,
      description: 'Global id of the key, when grouped by API_KEY.',
      resolve: ({ apiKeyId }) => apiKeyId && encodeId('ApiKey', apiKeyId),
    }),
    model: t.exposeString('model', { nullable: true, description: 'The model, when grouped by MODEL.' }),
    user: t.exposeString('user', {
      nullable: true,
      description: "The caller's own tag, when grouped by USER; null is none.",
    }),
  }),
});

const UsageReportType = builder.objectRef<UsageReport>('UsageReport').implement({
  description: 'Usage, summed up. Equal to the sums of the usage records, always.',
  fields: (t) => ({
    buckets: t.field({
      type: [UsageBucket],
      description: 'One row per bucket of time and group, in order of time.',
      resolve: ({ buckets }) => [...buckets],
    }),
    totals: t.expose('totals', { type: UsageTotalsType, description: 'Sums over all of it.' }),
    currency: t.string({
      description: 'The one currency of this installation, as ISO 4217.',
      resolve: (_report, _args, { services }) => services.currency,
    }),
  }),
});

builder.queryField('usage', (t) =>
  t.field({
    type: UsageReportType,
    description:
      "Sums of usage: the project's own, or of all projects for the scope ADMIN. Needs the scope USAGE_READ. INVALID_INPUT: an empty or too long range (five years; a week by minutes), an unknown time zone.",
    authScopes: { scope: 'USAGE_READ' },
    args: { input: t.arg({ type: UsageInput, required: true, description: 'What to sum up.' }) },
    resolve: (_root, { input: { range, granularity, timeZone, groupBy, projectId } }, context) => {
      const principal = caller(context);
      return context.services.usage.report(principal, {
        projectId: idFilter('Project', projectId) ?? null,
        ...range,
        granularity: granularity ?? null,
        timeZone,
        groupBy: [...new Set(groupBy)],
      });
    },
  }),
);
