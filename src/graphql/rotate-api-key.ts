import { DomainError } from '../contracts/errors.ts';
import type { ApiKey } from '../contracts/stores/api-keys.ts';
import { ApiKeyNode } from './api-key.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { decodeIdOf } from './ids.ts';
import { InvalidInputError, NotFoundError } from './user-errors.ts';

const RotateApiKeyInput = builder.inputType('RotateApiKeyInput', {
  description: 'The API key to give another secret.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Global id of the key.' }),
    graceSeconds: t.int({
      description:
        'How long the secret of now opens on: 0 (not at all, for one that has leaked) to 2592000 (30 days); a day where omitted.',
    }),
  }),
});

interface Rotated {
  readonly apiKey: ApiKey;
  readonly secret: string;
}

const RotateApiKeyPayload = builder.objectRef<Rotated>('RotateApiKeyPayload').implement({
  description: 'The API key with its new secret.',
  fields: (t) => ({
    apiKey: t.field({
      type: ApiKeyNode,
      description: 'The key; previousSecretExpiresAt says when the old secret ends.',
      resolve: ({ apiKey }) => apiKey,
    }),
    secret: t.exposeString('secret', {
      description: 'The new secret to send as `Authorization: Bearer`. Shown here and never again: keep it safe.',
    }),
  }),
});

builder.mutationField('rotateApiKey', (t) =>
  t.field({
    type: RotateApiKeyPayload,
    description:
      'Gives an API key another secret, which opens at once; the old one opens on for a grace period. Safe to send again where the answer was lost: within the grace that replaces the new secret, and never prolongs the old one. INVALID_INPUT also for a revoked key. Needs the scope ADMIN.',
    authScopes: { scope: 'ADMIN' },
    args: { input: t.arg({ type: RotateApiKeyInput, required: true, description: 'The key to rotate.' }) },
    errors: {
      types: [InvalidInputError, NotFoundError],
      union: { name: 'RotateApiKeyResult', description: 'The new secret, or why there is none.' },
    },
    resolve: (_root, { input: { id: globalId, ...rotation } }, context) => {
      const id = decodeIdOf('ApiKey', globalId);
      if (!id) throw new DomainError('NOT_FOUND', 'There is no such API key.');
      return context.services.keys.rotate(caller(context), id, rotation);
    },
  }),
);
