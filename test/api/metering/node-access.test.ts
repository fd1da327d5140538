import type { GraphQLInterfaceType } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSchema } from '../../../src/graphql/schema.ts';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { type Client, createClient } from '../../kit/client.ts';
import { complete } from '../../kit/completions.ts';
import { createKey } from '../../kit/keys.ts';
import { auditEvents, changeProject } from '../../kit/projects.ts';
import { usageRecords } from '../../kit/usage.ts';

type Answer = 'shown' | 'hidden' | 'FORBIDDEN';
const roles = ['COMPLETIONS', 'EMBEDDINGS', 'MODELS_READ', 'USAGE_READ', 'ADMIN'] as const;
const only =
  (...may: readonly string[]) =>
  (role: string) =>
    may.includes(role) ? 'own' : 'FORBIDDEN';

/** Who sees a node by its id: its own project's (`own`), every key's, or nobody's. A noun that is missing here fails. */
const rules: Record<string, (role: string) => 'own' | 'admin' | 'FORBIDDEN'> = {
  ApiKey: () => 'admin',
  AuditEvent: only('ADMIN'),
  Completion: only('COMPLETIONS', 'ADMIN'),
  Project: () => 'own',
  UsageRecord: only('USAGE_READ', 'ADMIN'),
};

const schema = createSchema();
const nouns = schema.getPossibleTypes(schema.getType('Node') as GraphQLInterfaceType).map(({ name }) => name);
const ids: Record<string, string> = {};
const callers = new Map<string, Client>();
let app: TestApp;

beforeAll(async () => {
  app = await startApp({ inference: createScriptedInference() });
  const { project } = await changeProject(app.admin, 'createProject', { name: 'elsewhere' });
  const { apiKey, secret } = await createKey(app.admin, { name: 'owner', scopes: ['COMPLETIONS'] });
  const { id } = await complete(createClient(app.url, secret!), { model: 'scripted', prompt: 'alpha' });
  const { viewer } = await app.admin.execute<{ viewer: { project: { id: string } } }>('{ viewer { project { id } } }');
  const records = await usageRecords(app.admin, { first: 1 });
  const [event] = await auditEvents(app.admin, {}, 1);
  Object.assign(ids, {
    ApiKey: apiKey!.id,
    AuditEvent: event!.id,
    Completion: id,
    Project: viewer.project.id,
    UsageRecord: records.edges[0]!.node.id,
  });
  for (const role of roles) {
    callers.set(`${role} of its project`, await app.newClient({ scopes: [role] }));
    callers.set(`${role} of another project`, await app.newClient({ scopes: [role], projectId: project!.id }));
  }
});
afterAll(() => app?.[Symbol.asyncDispose]());

test('every noun has a rule', () => {
  expect(Object.keys(rules).sort()).toEqual([...nouns].sort());
});

test.each(
  nouns.flatMap((noun) => roles.flatMap((role) => ['its', 'another'].map((whose) => [noun, role, whose] as const))),
)('%s by id, asked for by %s of %s project, by every way to ask', async (noun, role, whose) => {
  const rule = rules[noun]!(role);
  const sees = rule === 'own' ? role === 'ADMIN' || whose === 'its' : role === 'ADMIN';
  const expected: Answer = rule === 'FORBIDDEN' ? 'FORBIDDEN' : sees ? 'shown' : 'hidden';
  const client = callers.get(`${role} of ${whose} project`)!;
  const documents = {
    node: 'query ($id: ID!) { found: node(id: $id) { id } }',
    aliased: 'query ($id: ID!) { viewer { scopes } found: node(id: $id) { ... on Node { id } } }',
    nodes: 'query ($id: ID!) { found: nodes(ids: [$id]) { id } }',
  };
  for (const [way, document] of Object.entries(documents)) {
    const { data, errors } = await client.request<{ found: unknown }>(document, { id: ids[noun]! });
    const code = errors?.[0]?.extensions?.code;
    const found = [data?.found].flat()[0];
    expect({ way, answer: code ?? (found ? 'shown' : 'hidden') }).toEqual({ way, answer: expected });
  }
});
