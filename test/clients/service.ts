import { expect, inject } from 'vitest';
import { type Client, createClient } from '../kit/client.ts';

/** Where the service is, for clients to be pointed at. */
export const { url } = inject('service');
export const endpoint = `${url}/graphql`;
export const socketEndpoint = endpoint.replace(/^http/u, 'ws');

export interface ApiKey {
  readonly id: string;
  readonly authorization: string;
  /** Our own client, for what a test needs beside the one that it is about. */
  readonly client: Client;
}

const admin = createClient(url, inject('service').adminSecret);

/** A key of the test's own, so that its usage is the test's own. */
export async function newKey(): Promise<ApiKey> {
  const { createApiKey } = await admin.execute<{ createApiKey: { secret: string; apiKey: { id: string } } }>(
    `mutation { createApiKey(input: { name: "client", scopes: [COMPLETIONS, USAGE_READ] }) {
      ... on CreateApiKeyPayload { secret apiKey { id } } ... on UserError { code message }
    } }`,
  );
  const { secret, apiKey } = createApiKey;
  return { id: apiKey.id, authorization: `Bearer ${secret}`, client: createClient(url, secret) };
}

export interface UsageView {
  readonly usage: { readonly completionTokens: number; readonly cost: string };
  readonly completion: { readonly id: string };
}

export async function usageRecordsOf(key: ApiKey): Promise<UsageView[]> {
  const { usageRecords } = await admin.execute<{ usageRecords: { edges: { node: UsageView }[] } }>(
    `query ($apiKeyId: ID!) { usageRecords(first: 100, filter: { apiKeyId: $apiKeyId }) {
      edges { node { usage { completionTokens cost } completion { id } } } } }`,
    { apiKeyId: key.id },
  );
  return usageRecords.edges.map(({ node }) => node);
}

/** Input of a completion that streams exactly so many tokens: the starter model's control tokens, its last ones, never come. */
export async function longStream(maxTokens: number): Promise<object> {
  const prompt = 'Once upon a time';
  const warmUp = await admin.execute<{ createCompletion: { completion?: { status: string } } }>(
    `mutation ($prompt: String!) { createCompletion(input: { model: "default", prompt: $prompt, maxTokens: 1 }) {
      ... on CreateCompletionPayload { completion { status } } } }`,
    { prompt },
  );
  expect(warmUp.createCompletion.completion?.status).toBe('SUCCEEDED');
  const { model } = await admin.execute<{ model: { facts: { vocabularySize: number } } }>(
    '{ model(name: "default") { facts { vocabularySize } } }',
  );
  const logitBias = Object.fromEntries([1, 2, 3].map((back) => [model.facts.vocabularySize - back, -100]));
  return { model: 'default', mode: 'STREAM', prompt, temperature: 0, maxTokens, logitBias };
}
