import { DomainError } from '../contracts/errors.ts';
import type { ApiKey } from '../contracts/stores/api-keys.ts';
import { ApiKeyNode } from './api-key.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { decodeIdOf } from './ids.ts';
import { NotFoundError } from './user-errors.ts';

const RevokeApiKeyInput = builder.inputType('RevokeApiKeyInput', {
  description: 'The API key to revoke.',
  fields: (t) => ({ id: t.id({ required: true, description: 'Global id of the key.' }) }),
});

const RevokeApiKeyPayload = builder.objectRef<{ readonly apiKey: ApiKey }>('RevokeApiKeyPayload').implement({
  description: 'The revoked API key.',
  fields: (t) => ({
    apiKey: t.field({ type: ApiKeyNode, description: 'The key, with revokedAt.', resolve: ({ apiKey }) => apiKey }),
  }),
});

builder.mutationField('revokeApiKey', (t) =>
  t.field({
    type: RevokeApiKeyPayload,
    description: 'Revokes an API key at once and for good; revoking again answers the same. Needs the scope ADMIN.',
    authScopes: { scope: 'ADMIN' },
    args: { input: t.arg({ type: RevokeApiKeyInput, required: true, description: 'The key to revoke.' }) },
    errors: {
      types: [NotFoundError],
      union: { name: 'RevokeApiKeyResult', description: 'The revoked API key, or why there is none.' },
    },
    resolve: async (_root, { input }, context) => {
      const id = decodeIdOf('ApiKey', input.id);
      if (!id) throw new DomainError('NOT_FOUND', 'There is no such API key.');
      return { apiKey: await context.services.keys.revoke(caller(context), id) };
    },
  }),
);
