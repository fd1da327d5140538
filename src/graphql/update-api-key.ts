import { DomainError } from '../contracts/errors.ts';
import type { ApiKey } from '../contracts/stores/api-keys.ts';
import { ApiKeyNode } from './api-key.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { ScopeEnum } from './enums.ts';
import { decodeIdOf } from './ids.ts';
import { LimitsInput } from './limits.ts';
import { InvalidInputError, NotFoundError } from './user-errors.ts';

const UpdateApiKeyInput = builder.inputType('UpdateApiKeyInput', {
  description: 'What to change of an API key; what is left out stays as it is.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Global id of the key.' }),
    name: t.string({ description: 'A name for people, 1 to 100 characters.' }),
    scopes: t.field({ type: [ScopeEnum], description: 'What it may do; at least one.' }),
    models: t.stringList({ description: 'Names or aliases of the models it may use, at most 100; null is all.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'When it ends by itself, in the future; null is never.' }),
    limits: t.field({
      type: LimitsInput,
      description: 'Limits to set, or to lift where null; those left out stay. Null in place of all lifts all.',
    }),
  }),
});

const UpdateApiKeyPayload = builder.objectRef<{ readonly apiKey: ApiKey }>('UpdateApiKeyPayload').implement({
  description: 'The changed API key.',
  fields: (t) => ({
    apiKey: t.field({ type: ApiKeyNode, description: 'The key, as it is now.', resolve: ({ apiKey }) => apiKey }),
  }),
});

builder.mutationField('updateApiKey', (t) =>
  t.field({
    type: UpdateApiKeyPayload,
    description:
      'Changes an API key: at once, for requests, open streams and sockets alike (those that lose rights are closed). INVALID_INPUT also for a revoked key. Needs the scope ADMIN.',
    authScopes: { scope: 'ADMIN' },
    args: { input: t.arg({ type: UpdateApiKeyInput, required: true, description: 'The key, and its changes.' }) },
    errors: {
      types: [InvalidInputError, NotFoundError],
      union: { name: 'UpdateApiKeyResult', description: 'The changed API key, or why it is not.' },
    },
    resolve: async (_root, { input: { id: globalId, ...changes } }, context) => {
      const id = decodeIdOf('ApiKey', globalId);
      if (!id) throw new DomainError('NOT_FOUND', 'There is no such API key.');
      return { apiKey: await context.services.keys.update(caller(context), id, changes) };
    },
  }),
);
