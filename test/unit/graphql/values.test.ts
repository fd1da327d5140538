import { describe, expect, it, vi } from 'vitest';
import { decodeId, encodeId } from '../../../src/graphql/ids.ts';
import { formatDecimal, parseDecimal } from '../../../src/graphql/money.ts';
import {
  answer,
  apiKeyId,
  codesOf,
  completionId,
  fakeServices,
  globalId,
  model,
  principalWith,
  projectId,
  usageRecordId,
} from './fixtures.ts';

describe('money', () => {
  it.each([
    [0n, '0'],
    [1n, '0.000000001'],
    [12_500_000_000n, '12.5'],
    [-1_000_000_000n, '-1'],
    [10n ** 24n, '1000000000000000'],
  ])('%s nanos are %s, and back', (nanos, text) => {
    expect(formatDecimal(nanos)).toBe(text);
    expect(parseDecimal(text)).toBe(nanos);
  });

  it.each(['', '.5', '1.', '1e3', '0.0000000001', '1,5', ' 1', '٣'])('%j is no amount', (text) => {
    expect(parseDecimal(text)).toBeUndefined();
  });
});

describe('a global id', () => {
  it('stands for its noun and id only', () => {
    expect(decodeId(encodeId('Completion', completionId()))).toEqual({ noun: 'Completion', id: completionId() });
  });

  it.each([
    '',
    'x',
    globalId('Completion', '1'),
    globalId('User', completionId()),
    globalId('Completion', `${completionId()}:`),
  ])('of another making (%j) stands for nothing', (id) => {
    expect(decodeId(id)).toBeUndefined();
  });

  it('finds every node again by the id that it shows, batched, and null for the rest', async () => {
    const ids = [
      globalId('Completion', completionId()),
      'nonsense',
      globalId('ApiKey', apiKeyId),
      globalId('Project', projectId),
      globalId('UsageRecord', usageRecordId),
      globalId('Completion', completionId(99)),
    ];
    const find = vi.fn(fakeServices().completions.find);
    const services = fakeServices({ completions: { find } });
    const data = await answer('query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }', { services }, { ids });
    const known = (index: number, __typename: string) => ({ __typename, id: ids[index] });
    expect(data.nodes).toEqual([
      known(0, 'Completion'),
      null,
      known(2, 'ApiKey'),
      known(3, 'Project'),
      known(4, 'UsageRecord'),
      null,
    ]);
    expect(find).toHaveBeenCalledTimes(1);
    expect((await answer(`{ node(id: "${ids[2]}") { id ... on ApiKey { name } } }`)).node).toEqual({
      id: ids[2],
      name: 'test',
    });
    const many = Array.from({ length: 101 }, () => ids[0]);
    expect(await codesOf('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {}, { ids: many })).toEqual([
      'INVALID_INPUT',
    ]);
  });
});

it('a completion shows its usage, money and timings in the documented units', async () => {
  const source = `{ completion(id: "${globalId('Completion', completionId())}") {
    seed metadata project { name } apiKey { limits { requestsPerMinute costPerMonth } }
    usage { promptTokens cachedPromptTokens completionTokens totalTokens cost }
    timings { queueSeconds timeToFirstTokenSeconds tokensPerSecond durationSeconds } } }`;
  expect((await answer(source)).completion).toEqual({
    seed: 4_294_967_295,
    metadata: { tag: [1, 'two'] },
    project: { name: 'default' },
    apiKey: { limits: { requestsPerMinute: 60, costPerMonth: '12.5' } },
    usage: { promptTokens: 3, cachedPromptTokens: 1, completionTokens: 2, totalTokens: 5, cost: '0.0000015' },
    timings: { queueSeconds: 0.25, timeToFirstTokenSeconds: 0.5, tokensPerSecond: 4, durationSeconds: 1 },
  });
});

it('the viewer sees what is left of each limit, never less than nothing', async () => {
  const resetsAt = null;
  const services = fakeServices({
    usage: {
      limits: async () => [
        { name: 'tokensPerDay', scope: 'PROJECT', limit: 100n, used: 130n, resetsAt },
        { name: 'costPerMonth', scope: 'API_KEY', limit: 2_000_000_000n, used: 500_000_000n, resetsAt },
      ],
    },
  });
  const source = '{ viewer { scopes limits { name scope limit used remaining resetsAt } } }';
  expect((await answer(source, { services, principal: principalWith('USAGE_READ') })).viewer).toEqual({
    scopes: ['USAGE_READ'],
    limits: [
      { name: 'TOKENS_PER_DAY', scope: 'PROJECT', limit: '100', used: '130', remaining: '0', resetsAt },
      { name: 'COST_PER_MONTH', scope: 'API_KEY', limit: '2', used: '0.5', remaining: '1.5', resetsAt },
    ],
  });
});

it('a model shows its price per million, and what broke it to administrators only', async () => {
  const source = '{ model(name: "default") { name price { promptPerMillion currency } error facts { architecture } } }';
  const shown = { name: 'starter', price: { promptPerMillion: '2.5', currency: 'USD' }, facts: null };
  expect((await answer(source)).model).toEqual({ ...shown, error: model.error });
  expect((await answer(source, { principal: principalWith('MODELS_READ') })).model).toEqual({ ...shown, error: null });
});

it('createApiKey hands the domain nanos, bigints, dates and the project’s own id', async () => {
  const create = vi.fn(fakeServices().keys.create);
  const services = fakeServices({ keys: { create } });
  const input = {
    name: 'n',
    projectId: globalId('Project', projectId),
    scopes: ['COMPLETIONS'],
    models: ['starter'],
    expiresAt: '2030-01-01T00:00:00+05:30',
    limits: { requestsPerMinute: 5, tokensPerMonth: '9007199254740993', costPerMonth: '0.000000001' },
  };
  const source = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) {
    ... on CreateApiKeyPayload { secret apiKey { name hint } } } }`;
  expect((await answer(source, { services }, { input })).createApiKey).toEqual({
    secret: 'slc_secret',
    apiKey: { name: 'test', hint: 'slc_abcd…' },
  });
  expect(create.mock.calls[0]![1]).toEqual({
    ...input,
    projectId,
    expiresAt: new Date('2029-12-31T18:30:00Z'),
    limits: { requestsPerMinute: 5, tokensPerMonth: 9_007_199_254_740_993n, costPerMonth: 1n },
  });
});

it.each([
  ['DateTime', 'expiresAt', '2030-01-01'],
  ['DateTime', 'expiresAt', '2030-13-01T00:00:00Z'],
  ['BigInt', 'limits', { tokensPerDay: '1.5' }],
  ['Decimal', 'limits', { costPerMonth: '1e3' }],
])('a malformed %s is refused as INVALID_INPUT', async (_scalar, field, value) => {
  const input = { name: 'n', scopes: ['ADMIN'], [field]: value };
  const source = 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { __typename } }';
  expect(await codesOf(source, {}, { input })).toEqual(['INVALID_INPUT']);
});
