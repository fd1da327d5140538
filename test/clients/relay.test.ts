import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import {
  type ConcreteRequest,
  createOperationDescriptor,
  Environment,
  fetchQuery,
  type GraphQLResponse,
  getSingularSelector,
  Network,
  type ReaderFragment,
  RecordSource,
  type SingularReaderSelector,
  Store,
} from 'relay-runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complete } from '../kit/completions.ts';
import { endpoint, newKey } from './service.ts';

const components = {
  'CompletionList.js': `import { graphql } from 'relay-runtime';

export const list = graphql\`
  fragment CompletionList_query on Query
  @refetchable(queryName: "CompletionListPaginationQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 3 }, cursor: { type: "String" }, user: { type: "String" }) {
    completions(first: $count, after: $cursor, filter: { user: $user }) @connection(key: "CompletionList_completions") {
      edges { node { id user ...CompletionRow_completion } }
    }
  }
\`;
`,
  'CompletionRow.js': `import { graphql } from 'relay-runtime';

export const row = graphql\`
  fragment CompletionRow_completion on Completion @refetchable(queryName: "CompletionRowRefetchQuery") {
    status
    choices { text }
    error { code ... on EngineCrashedError { retryAfterSeconds } }
  }
\`;
`,
  'Composer.js': `import { graphql } from 'relay-runtime';

export const create = graphql\`
  mutation ComposerMutation($input: CreateCompletionInput!) {
    createCompletion(input: $input) {
      ... on CreateCompletionPayload { completion { id ...CompletionRow_completion } }
      ... on UserError { code message }
    }
  }
\`;

export const follow = graphql\`
  subscription ComposerSubscription($id: ID!, $after: Int) {
    completionEvents(id: $id, after: $after) {
      seq
      ... on CompletionDelta { text }
      ... on CompletionFinished { completion { ...CompletionRow_completion } }
    }
  }
\`;
`,
} as const;

const rows = 7;

describe('Relay', () => {
  let project: string;

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'sluice-relay-'));
    await mkdir(join(project, 'src', 'generated'), { recursive: true });
    await copyFile('schema.graphql', join(project, 'schema.graphql'));
    for (const [name, source] of Object.entries(components)) await writeFile(join(project, 'src', name), source);
    const config = {
      src: 'src',
      schema: 'schema.graphql',
      language: 'javascript',
      artifactDirectory: 'src/generated',
      eagerEsModules: false,
    };
    await writeFile(join(project, 'relay.config.json'), JSON.stringify(config));
  });
  afterAll(() => rm(project, { recursive: true, force: true }));

  it('compiles schema.graphql and pages through a connection to its end, every row once', async () => {
    const compiler = resolve('node_modules/relay-compiler/cli.js');
    await promisify(execFile)(process.execPath, [compiler], { cwd: project });
    const load = createRequire(join(project, 'src', 'generated', 'load.js'));
    const query: ConcreteRequest = load('./CompletionListPaginationQuery.graphql.js');
    const fragment: ReaderFragment = load('./CompletionList_query.graphql.js');

    const key = await newKey();
    const user = `relay ${key.id}`;
    const ids: string[] = [];
    for (let i = 0; i < rows; i++) {
      ids.unshift((await complete(key.client, { model: 'default', prompt: 'Hello', maxTokens: 1, user })).id);
    }

    const environment = createEnvironment(key.authorization);
    const operation = createOperationDescriptor(query, { count: 3, user });
    const retained = environment.retain(operation);
    let cursor: string | null = null;
    const hadNextPage: boolean[] = [];
    do {
      await fetchQuery(environment, query, { count: 3, user, cursor }).toPromise();
      const { pageInfo } = connectionIn(environment);
      hadNextPage.push(pageInfo.hasNextPage);
      cursor = pageInfo.endCursor;
    } while (hadNextPage.at(-1) && hadNextPage.length < rows);
    expect(hadNextPage).toEqual([true, true, false]);
    expect(connectionIn(environment).edges.map(({ node }) => node)).toMatchObject(ids.map((id) => ({ id, user })));
    retained.dispose();

    function connectionIn(of: Environment): Connection {
      const { data } = of.lookup(operation.fragment);
      const selector = getSingularSelector(fragment, data) as SingularReaderSelector;
      return (of.lookup(selector).data as { completions: Connection }).completions;
    }
  });
});

interface Connection {
  readonly edges: readonly { readonly node: object }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

function createEnvironment(authorization: string): Environment {
  return new Environment({
    store: new Store(new RecordSource()),
    network: Network.create(async ({ text }, variables) => {
      const response = await fetch(endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization },
        body: JSON.stringify({ query: text, variables }),
      });
      return (await response.json()) as GraphQLResponse;
    }),
  });
}
