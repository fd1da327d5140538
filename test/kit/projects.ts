import type { Client } from './client.ts';
import type { Connection } from './keys.ts';

export interface ProjectView {
  readonly id: string;
  readonly name: string;
  readonly limits: Readonly<Record<string, string | number | null>>;
  readonly archivedAt: string | null;
}

export interface ProjectResult {
  readonly project?: ProjectView;
  readonly code?: string;
  readonly issues?: readonly { readonly path: readonly string[]; readonly code: string }[];
}

const projectFields = 'id name archivedAt limits { requestsPerMinute concurrentCompletions tokensPerDay costPerMonth }';

/** One of createProject, updateProject and archiveProject: the union as it was answered. */
export async function changeProject(
  client: Client,
  mutation: 'createProject' | 'updateProject' | 'archiveProject',
  input: object,
): Promise<ProjectResult> {
  const name = `${mutation[0]!.toUpperCase()}${mutation.slice(1)}`;
  const document = `mutation ($input: ${name}Input!) {
    ${mutation}(input: $input) { ... on ${name}Payload { project { ${projectFields} } }
      ... on UserError { code message } ... on InvalidInputError { issues { path code } } }
  }`;
  return (await client.execute<Record<string, ProjectResult>>(document, { input }))[mutation]!;
}

export async function listProjects(client: Client, page: object): Promise<Connection<ProjectView>> {
  const document = `query ($first: Int, $after: String, $filter: ProjectFilter) {
    projects(first: $first, after: $after, filter: $filter) { edges { cursor node { ${projectFields} } }
      pageInfo { startCursor endCursor hasNextPage hasPreviousPage } }
  }`;
  return (await client.execute<{ projects: Connection<ProjectView> }>(document, page)).projects;
}

export interface AuditView {
  readonly id: string;
  readonly at: string;
  readonly action: string;
  readonly targetId: string;
  readonly actor: { readonly id: string } | null;
  readonly project: { readonly id: string } | null;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

export async function auditEvents(client: Client, filter: object, first = 100): Promise<readonly AuditView[]> {
  const document = `query ($first: Int, $filter: AuditEventFilter) {
    auditEvents(first: $first, filter: $filter) { edges { node {
      id at action targetId actor { id } project { id } before after } } }
  }`;
  const { edges } = (await client.execute<{ auditEvents: Connection<AuditView> }>(document, { first, filter }))
    .auditEvents;
  return edges.map(({ node }) => node);
}
