import { expect, inject } from 'vitest';
import { type Client, createClient } from '../kit/client.ts';
import { complete } from '../kit/completions.ts';
import { createKey } from '../kit/keys.ts';
import { waitFor } from '../kit/wait-for.ts';
import { type CheckedFetch, createCheckedFetch } from './document-check.ts';

/** The running service as the tests of one client see it, with a key of their own. */
export interface Service {
  readonly url: string;
  readonly baseUrl: string;
  readonly key: string;
  /** Our own client, with the same key. */
  readonly client: Client;
  readonly admin: Client;
  readonly checked: CheckedFetch;
  /** Under this bias no choice of the starter model ends by itself: its control tokens are its last ones. */
  readonly withoutEnd: Readonly<Record<string, number>>;
  newKey(input?: object): Promise<string>;
}

export async function openService(): Promise<Service> {
  const { url, adminSecret } = inject('openaiService');
  const admin = createClient(url, adminSecret);
  const newKey = async (input: object = {}) => {
    const created = await createKey(admin, { name: 'openai', scopes: ['COMPLETIONS', 'USAGE_READ'], ...input });
    expect(created.secret, created.message).toBeDefined();
    return created.secret!;
  };
  const key = await newKey();
  // The first completion loads the model, which tells its vocabulary.
  await complete(admin, { model: 'default', prompt: 'a', maxTokens: 1 });
  const { model } = await admin.execute<{ model: { facts: { vocabularySize: number } } }>(
    '{ model(name: "default") { facts { vocabularySize } } }',
  );
  const { vocabularySize } = model.facts;
  return {
    url,
    baseUrl: `${url}/v1`,
    key,
    client: createClient(url, key),
    admin,
    checked: await createCheckedFetch(url),
    withoutEnd: Object.fromEntries([1, 2, 3].map((back) => [String(vocabularySize - back), -100])),
    newKey,
  };
}

export interface Request {
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A raw request; the answer is checked against the document. */
export function post(service: Service, path: string, body: unknown, { key, headers, signal }: Request = {}) {
  return service.checked.fetch(`${service.baseUrl}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key ?? service.key}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: signal ?? null,
  });
}

/** The completion that was created with the user tag, as the GraphQL API shows it. */
export async function completionOf(client: Client, user: string): Promise<{ status: string } | undefined> {
  const { completions } = await client.execute<{ completions: { edges: { node: { status: string } }[] } }>(
    'query ($user: String) { completions(first: 1, filter: { user: $user }) { edges { node { status } } } }',
    { user },
  );
  return completions.edges[0]?.node;
}

/** Fails the test unless the completion with the user tag is cancelled soon. */
export async function expectCancelled(client: Client, user: string): Promise<void> {
  await waitFor(`the completion of ${user} to be cancelled`, async () => {
    return (await completionOf(client, user))?.status === 'CANCELLED';
  });
}
