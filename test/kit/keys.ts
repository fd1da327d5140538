import type { Client } from './client.ts';

export interface KeyView {
  readonly id: string;
  readonly name: string;
  readonly hint: string;
  readonly scopes: readonly string[];
  readonly models: readonly string[] | null;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
  readonly previousSecretExpiresAt: string | null;
}

export interface KeyResult {
  readonly apiKey?: KeyView;
  readonly secret?: string;
  readonly code?: string;
  readonly message?: string;
  readonly issues?: readonly { readonly path: readonly string[]; readonly message: string }[];
}

const keyFields = 'id name hint scopes models createdAt expiresAt revokedAt lastUsedAt previousSecretExpiresAt';

/** The union as it was answered. */
export async function createKey(client: Client, input: object): Promise<KeyResult> {
  const document = `mutation ($input: CreateApiKeyInput!) {
    createApiKey(input: $input) { ... on CreateApiKeyPayload { secret apiKey { ${keyFields} } }
      ... on UserError { code message } ... on InvalidInputError { issues { path message } } }
  }`;
  return (await client.execute<{ createApiKey: KeyResult }>(document, { input })).createApiKey;
}

export async function revokeKey(client: Client, id: string): Promise<KeyResult> {
  const document = `mutation ($id: ID!) {
    revokeApiKey(input: { id: $id }) { ... on RevokeApiKeyPayload { apiKey { ${keyFields} } } ... on UserError { code message } }
  }`;
  return (await client.execute<{ revokeApiKey: KeyResult }>(document, { id })).revokeApiKey;
}

export async function viewerKey(client: Client): Promise<KeyView> {
  return (await client.execute<{ viewer: { apiKey: KeyView } }>(`{ viewer { apiKey { ${keyFields} } } }`)).viewer
    .apiKey;
}

export interface Connection<Node> {
  readonly edges: readonly { readonly cursor: string; readonly node: Node }[];
  readonly pageInfo: {
    readonly startCursor: string | null;
    readonly endCursor: string | null;
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
  };
}

/** One page; the arguments are those of the connection. */
export async function listKeys(client: Client, page: object): Promise<Connection<KeyView>> {
  const document = `query ($first: Int, $after: String, $last: Int, $before: String, $filter: ApiKeyFilter) {
    apiKeys(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
      edges { cursor node { ${keyFields} } } pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
    }
  }`;
  return (await client.execute<{ apiKeys: Connection<KeyView> }>(document, page)).apiKeys;
}

export async function updateKey(client: Client, input: object): Promise<KeyResult> {
  const document = `mutation ($input: UpdateApiKeyInput!) {
    updateApiKey(input: $input) { ... on UpdateApiKeyPayload { apiKey { ${keyFields} } }
      ... on UserError { code message } ... on InvalidInputError { issues { path message } } }
  }`;
  return (await client.execute<{ updateApiKey: KeyResult }>(document, { input })).updateApiKey;
}

export async function rotateKey(client: Client, input: object): Promise<KeyResult> {
  const document = `mutation ($input: RotateApiKeyInput!) {
    rotateApiKey(input: $input) { ... on RotateApiKeyPayload { secret apiKey { ${keyFields} } }
      ... on UserError { code message } ... on InvalidInputError { issues { path message } } }
  }`;
  return (await client.execute<{ rotateApiKey: KeyResult }>(document, { input })).rotateApiKey;
}
