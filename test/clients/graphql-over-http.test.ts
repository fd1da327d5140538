import { serverAudits } from 'graphql-http';
import { describe, expect, it } from 'vitest';
import { endpoint, newKey } from './service.ts';

const { authorization } = await newKey();

describe('GraphQL over HTTP, as graphql-http audits it', () => {
  const withKey: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('authorization', authorization);
    return fetch(input, { ...init, headers });
  };

  it.each(serverAudits({ url: endpoint, fetchFn: withKey }))('with a key: $id $name', async ({ fn }) => {
    expect(await fn()).toMatchObject({ status: 'ok' });
  });

  it.each(serverAudits({ url: endpoint, fetchFn: fetch }))('anonymously: $id $name', async ({ fn }) => {
    expect(await fn()).toMatchObject({ status: 'ok' });
  });
});

/** A deferred part would pass by the masking of errors, and neither WebSocket nor event streams carry one. */
it.each(['multipart/mixed', 'text/event-stream', 'application/json'])(
  '@defer is refused as an unknown directive, also where %s is accepted',
  async (accept) => {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { authorization, accept: `${accept}, application/json`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ viewer { ... @defer { apiKey { name } } } }' }),
    });
    expect(await response.text()).toContain('Unknown directive \\"@defer\\"');
  },
);
