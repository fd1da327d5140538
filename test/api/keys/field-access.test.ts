import {
  type GraphQLObjectType,
  type GraphQLOutputType,
  getNamedType,
  isInterfaceType,
  isIntrospectionType,
  isLeafType,
  isObjectType,
} from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSchema } from '../../../src/graphql/schema.ts';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { type Client, createClient } from '../../kit/client.ts';
import { complete } from '../../kit/completions.ts';
import { createKey, viewerKey } from '../../kit/keys.ts';
import { auditEvents, changeProject } from '../../kit/projects.ts';
import { usageRecords } from '../../kit/usage.ts';
import { fieldRules } from './field-rules.ts';

const schema = createSchema();
const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];

test('every field below the roots has a rule, and no rule is left over', () => {
  const fields = Object.values(schema.getTypeMap()).flatMap((type) => {
    if (!(isObjectType(type) || isInterfaceType(type)) || isIntrospectionType(type)) return [];
    if (roots.includes(type as GraphQLObjectType)) return [];
    return Object.keys(type.getFields()).map((field) => `${type.name}.${field}`);
  });
  expect([...fieldRules.keys()].sort()).toEqual(fields.sort());
});

interface Caller {
  readonly client: Client;
  readonly apiKeyId: string | undefined;
  readonly scopes: readonly string[];
  readonly isOfTheProject: boolean;
}

let app: TestApp;
const ids: Record<string, string> = {};
const callers = new Map<string, Caller>();
const scopes = ['COMPLETIONS', 'MODELS_READ', 'USAGE_READ', 'ADMIN'] as const;
const places = ['its project', 'another project'] as const;
const owner = 'the key that did it';
const names = [...scopes.flatMap((scope) => places.map((place) => `${scope} of ${place}`)), owner, 'nobody'];

beforeAll(async () => {
  const inference = createScriptedInference([{ name: 'scripted' }, { name: 'broken' }]);
  inference.breakModel('broken', 'its file is gone');
  app = await startApp({ inference });
  const { project } = await changeProject(app.admin, 'createProject', { name: 'elsewhere' });
  const add = async (name: string, input: { readonly scopes: readonly string[]; readonly projectId?: string }) => {
    const { apiKey, secret } = await createKey(app.admin, { name, ...input });
    const client = createClient(app.url, secret!);
    const isOfTheProject = input.projectId === undefined;
    callers.set(name, { client, apiKeyId: apiKey!.id, scopes: input.scopes, isOfTheProject });
    return apiKey!.id;
  };
  for (const scope of scopes) {
    await add(`${scope} of its project`, { scopes: [scope] });
    await add(`${scope} of another project`, { scopes: [scope], projectId: project!.id });
  }
  ids.ApiKey = await add(owner, { scopes: ['COMPLETIONS', 'USAGE_READ'] });
  callers.set('nobody', {
    client: createClient(app.url, ''),
    apiKeyId: undefined,
    scopes: [],
    isOfTheProject: false,
  });

  const input = { model: 'scripted', prompt: 'alpha beta', user: 'ann', metadata: { tag: 1 } };
  ids.Completion = (await complete(callers.get(owner)!.client, input)).id;
  ids.UsageRecord = (await usageRecords(app.admin, { first: 1 })).edges[0]!.node.id;
  ids.AuditEvent = (await auditEvents(app.admin, {}, 1))[0]!.id;
  const { viewer } = await app.admin.execute<{ viewer: { project: { id: string } } }>('{ viewer { project { id } } }');
  ids.Project = viewer.project.id;
}, 120_000);
afterAll(() => app?.[Symbol.asyncDispose]());

const nouns = ['ApiKey', 'AuditEvent', 'Completion', 'Project', 'UsageRecord'];
const day = 86_400_000;
const range = { from: new Date(Date.now() - day).toISOString(), before: new Date(Date.now() + day).toISOString() };

/** Where callers start from: a root field and what it answers with. */
const ways: Record<string, { readonly field: string; readonly type: string }> = {
  ...Object.fromEntries(nouns.map((noun) => [noun, { field: `node(id: "$${noun}")`, type: noun }])),
  completions: { field: 'completions(first: 1)', type: 'CompletionConnection' },
  usageRecords: { field: 'usageRecords(first: 1)', type: 'UsageRecordConnection' },
  auditEvents: { field: 'auditEvents(first: 1)', type: 'AuditEventConnection' },
  projects: { field: 'projects(first: 1)', type: 'ProjectConnection' },
  models: { field: 'models', type: 'Model' },
  tokenize: { field: 'tokenize(input: { model: "scripted", prompt: "alpha" })', type: 'TokenizeResult' },
  usage: {
    field: `usage(input: { range: { from: "${range.from}", before: "${range.before}" }, groupBy: [PROJECT, API_KEY, MODEL, USER] })`,
    type: 'UsageReport',
  },
};

test.each(Object.keys(ways).flatMap((way) => names.map((name) => [way, name] as const)))(
  '%s shows %s what its rules say, of all that an administrator sees',
  async (way, name) => {
    const { field, type } = ways[way]!;
    const caller = callers.get(name)!;
    const call = field.replace(/\$(\w+)/u, (_, noun: string) => ids[noun]!);
    const document = `{ found: ${call} { __typename ... on ${type} { ${selection(type)} } } }`;
    const whole = (await app.admin.execute<{ found: Found }>(document)).found;
    const { data, errors = [] } = await caller.client.request<{ found: Found }>(document);
    const codes = errors.map(({ extensions }) => extensions?.code);
    if (name === 'nobody') expect(codes[0]).toBe('UNAUTHENTICATED');
    // Who gets nothing at all is the concern of the roots' and nouns' rules.
    if (!data?.found || isEmptyList(data.found)) return;

    const forbidden: string[] = [];
    expect(data.found).toEqual(visible(whole, caller, [], forbidden));
    expect(errors.map(({ path = [] }) => path.slice(1).join('.'))).toEqual(forbidden);
    expect(codes).toEqual(forbidden.map(() => 'FORBIDDEN'));
    answered.add(`${way} ${name}`);
  },
);

test('an administrator sees what others are kept from', async () => {
  const document = `query ($id: ID!) { models { error } node(id: $id) { ... on UsageRecord { apiKey { id } completion { id } } } }`;
  expect(await app.admin.execute(document, { id: ids.UsageRecord })).toEqual({
    models: [{ error: null }, { error: expect.stringContaining('gone') }],
    node: { apiKey: { id: ids.ApiKey }, completion: { id: ids.Completion } },
  });
});

/** The tests above let a caller go that gets nothing; these must have got something. */
const answered = new Set<string>();
test('each way was taken by every caller that has its scope', () => {
  const takers: Record<string, readonly string[]> = {
    ApiKey: [owner],
    AuditEvent: [],
    Completion: ['COMPLETIONS of its project', owner],
    Project: ['COMPLETIONS of its project', 'MODELS_READ of its project', 'USAGE_READ of its project', owner],
    UsageRecord: ['USAGE_READ of its project', owner],
    completions: ['COMPLETIONS of its project', owner],
    usageRecords: ['USAGE_READ of its project', owner],
    auditEvents: [],
    projects: [],
    models: names.filter((name) => /^(COMPLETIONS|MODELS_READ)/u.test(name) || name === owner),
    tokenize: ['COMPLETIONS of its project', 'COMPLETIONS of another project', owner],
    usage: ['USAGE_READ of its project', owner],
  };
  const expected = Object.entries(takers).flatMap(([way, callersOf]) =>
    [...callersOf, ...places.map((place) => `ADMIN of ${place}`)].map((name) => `${way} ${name}`),
  );
  expect([...answered].sort()).toEqual(expected.sort());
});

test.each(names.filter((name) => name !== 'nobody'))('viewer and apiKeys tell %s of its own key', async (name) => {
  const { client, apiKeyId, scopes: held } = callers.get(name)!;
  expect((await viewerKey(client)).id).toBe(apiKeyId);
  const document = `{ viewer { ${selection('Viewer')} } apiKeys(first: 100) { ${selection('ApiKeyConnection')} } }`;
  const { viewer, apiKeys } = await client.execute<Own>(document);
  expect(viewer).toMatchObject({ apiKey: { id: apiKeyId }, scopes: held });
  if (!held.includes('ADMIN')) expect(apiKeys.edges.map(({ node }) => node.id)).toEqual([apiKeyId]);
});

interface Own {
  readonly viewer: object;
  readonly apiKeys: { readonly edges: readonly { readonly node: { readonly id: string } }[] };
}

type Found = { readonly __typename?: string; readonly [field: string]: unknown };

function isEmptyList({ edges, buckets }: Found): boolean {
  return [edges, buckets].some((rows) => Array.isArray(rows) && rows.length === 0);
}

/** All fields, down to leaves; of a node below another only its id, as it has a way of its own. */
function selection(typeName: string): string {
  const type = schema.getType(typeName) as GraphQLObjectType;
  return Object.values(type.getFields())
    .map(({ name, type: of }) => `${name}${below(of)}`)
    .join(' ');
}

function below(of: GraphQLOutputType): string {
  const type = getNamedType(of);
  if (isLeafType(type)) return '';
  return isNode(type.name) ? ' { __typename id }' : ` { __typename ${selection(type.name)} }`;
}

function isNode(name: string): boolean {
  return nouns.includes(name);
}

/** What the rules leave of what an administrator sees. */
function visible(value: unknown, caller: Caller, path: readonly (string | number)[], forbidden: string[]): unknown {
  if (Array.isArray(value)) return value.map((item, index) => visible(item, caller, [...path, index], forbidden));
  if (typeof value !== 'object' || value === null || !('__typename' in value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([field, shown]) => {
      const rule = fieldRules.get(`${value.__typename}.${field}`);
      const here = [...path, field];
      if (caller.scopes.includes('ADMIN') || field === '__typename' || rule === 'seen') {
        return [
          field,
          changing.has(field) ? expect.toBeOneOf([null, expect.any(String)]) : visible(shown, caller, here, forbidden),
        ];
      }
      if (rule === 'own key' && shown !== null && (shown as { id: string }).id === caller.apiKeyId)
        return [field, shown];
      if (rule === 'COMPLETIONS') {
        if (caller.scopes.includes('COMPLETIONS')) return [field, shown];
        forbidden.push(here.join('.'));
      }
      return [field, null];
    }),
  );
}

/** These may change between the administrator's question and the caller's. */
const changing = new Set(['lastUsedAt']);
