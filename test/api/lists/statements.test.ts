import { afterAll, beforeAll, expect, test } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { type Client, createClient } from '../../kit/client.ts';
import { complete } from '../../kit/completions.ts';
import { createKey, listKeys } from '../../kit/keys.ts';
import { auditEvents, changeProject, listProjects } from '../../kit/projects.ts';
import { recordStatements } from '../../kit/statements.ts';
import { usageRecords } from '../../kit/usage.ts';
import { waitFor } from '../../kit/wait-for.ts';

const rows = 100;
let app: TestApp;
let limited: Client;
let ids: readonly string[];

/** A hundred of everything, and no two rows of a list that lead to the same row of another. */
beforeAll(async () => {
  app = await startApp({ inference: createScriptedInference() });
  const limits = {
    requestsPerMinute: 100,
    tokensPerMinute: 1_000,
    concurrentCompletions: 10,
    tokensPerDay: '1000',
    tokensPerMonth: '1000',
    costPerMonth: '1',
  };
  const clients: Client[] = [];
  for (let row = 0; row < rows; row++) {
    const { project } = await changeProject(app.admin, 'createProject', { name: `project ${row}`, limits });
    const input = { name: `key ${row}`, scopes: ['COMPLETIONS', 'USAGE_READ'], projectId: project!.id, limits };
    clients.push(createClient(app.url, (await createKey(app.admin, input)).secret!));
    await complete(clients[row]!, { model: 'scripted', prompt: 'alpha beta' });
  }
  limited = clients[0]!;
  const page = { first: 20 };
  const records = await usageRecords(app.admin, page);
  const lists = [
    records.edges.map(({ node }) => node.id),
    records.edges.map(({ node }) => node.completion!.id),
    (await listKeys(app.admin, page)).edges.map(({ node }) => node.id),
    (await listProjects(app.admin, page)).edges.map(({ node }) => node.id),
    (await auditEvents(app.admin, {}, page.first)).map(({ id }) => id),
  ];
  ids = Array.from({ length: page.first }, (_, index) => lists.map((list) => list[index]!)).flat();
  // What has just ended is known without a statement.
  await waitFor('the newest completion to be asked for in the database', async () => {
    using recorded = recordStatements();
    await app.admin.execute('query ($id: ID!) { completion(id: $id) { status } }', { id: lists[1]![0] });
    return recorded.statements.length > 0;
  });
}, 300_000);
afterAll(() => app?.[Symbol.asyncDispose]());

const project = 'project { name limits { tokensPerDay } }';
const apiKey = `apiKey { name limits { tokensPerDay } ${project} }`;
const connections: Record<string, string> = {
  completions: `id status choices { text } usage { cost } timings { queueSeconds } error { message } ${project} ${apiKey}`,
  apiKeys: `name limits { requestsPerMinute } ${project}`,
  projects: 'name limits { requestsPerMinute }',
  usageRecords: `usage { cost } timings { queueSeconds } completion { choices { text } timings { durationSeconds } ${apiKey} } ${project} ${apiKey}`,
  auditEvents: `before after actor { name ${project} } concerned: ${project}`,
};

test.each(Object.entries(connections))('%s take as many statements for 100 rows as for one', async (field, fields) => {
  const document = `query ($first: Int!) { list: ${field}(first: $first) { edges { cursor node { ${fields} } } pageInfo { endCursor } } }`;
  const counts: number[] = [];
  for (const first of [1, 10, rows]) {
    const { count, data } = await statementsOf<{ list: { edges: unknown[] } }>(app.admin, document, { first });
    expect(data.list.edges).toHaveLength(first);
    counts.push(count);
  }
  expect(counts).toEqual(counts.map(() => counts[0]));
});

test('nodes of every kind take as many statements for 100 ids as for one of each', async () => {
  const document = `query ($ids: [ID!]!) { nodes(ids: $ids) { id
    ... on Completion { ${connections.completions} } ... on ApiKey { ${connections.apiKeys} } ... on Project { ${connections.projects} }
    ... on UsageRecord { ${connections.usageRecords!.replaceAll('usage {', 'recorded: usage {')} } ... on AuditEvent { ${connections.auditEvents} } } }`;
  const few = await statementsOf<{ nodes: unknown[] }>(app.admin, document, { ids: ids.slice(0, 5) });
  const many = await statementsOf<{ nodes: unknown[] }>(app.admin, document, { ids });
  expect(many.data.nodes.filter((node) => node !== null)).toHaveLength(100);
  expect(many.count).toBe(few.count);
});

test('a report takes as many statements for 100 keys as for one', async () => {
  const document = `query ($input: UsageInput!) { usage(input: $input) {
    buckets { requests ${project} ${apiKey} timeToFirstTokenSeconds { p95 } } totals { tokensPerSecond { p50 } } } }`;
  const now = Date.now();
  const range = {
    from: new Date(now - 86_400_000).toISOString(),
    before: new Date(now + 86_400_000).toISOString(),
  };
  const { viewer } = await limited.execute<{ viewer: { project: { id: string } } }>('{ viewer { project { id } } }');
  const input = { range, groupBy: ['PROJECT', 'API_KEY'] };
  const one = await statementsOf<Report>(app.admin, document, { input: { ...input, projectId: viewer.project.id } });
  const all = await statementsOf<Report>(app.admin, document, { input });
  expect([one.data.usage.buckets.length, all.data.usage.buckets.length]).toEqual([1, rows]);
  expect(all.count).toBe(one.count);
});

test('limits take as many statements for twelve as for none', async () => {
  const document = '{ viewer { limits { name used remaining } } }';
  const none = await statementsOf<Viewer>(app.admin, document);
  const twelve = await statementsOf<Viewer>(limited, document);
  expect([none.data.viewer.limits.length, twelve.data.viewer.limits.length]).toEqual([0, 12]);
  expect(twelve.count).toBe(none.count);
});

interface Report {
  readonly usage: { readonly buckets: readonly unknown[] };
}

interface Viewer {
  readonly viewer: { readonly limits: readonly unknown[] };
}

/** The fewest of several tries: what the server does beside only adds. */
async function statementsOf<Data>(client: Client, document: string, variables: object = {}) {
  let fewest = Number.POSITIVE_INFINITY;
  let data: Data | undefined;
  for (let attempt = 0; attempt < 5; attempt++) {
    using recorded = recordStatements();
    data = await client.execute<Data>(document, variables);
    fewest = Math.min(fewest, recorded.statements.length);
  }
  expect(fewest).toBeGreaterThan(0);
  return { count: fewest, data: data! };
}
