import { DomainError } from '../contracts/errors.ts';
import type { ApiKey } from '../contracts/stores/api-keys.ts';
import { ApiKeyNode } from './api-key.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { ScopeEnum } from './enums.ts';
import { decodeIdOf } from './ids.ts';
import { LimitsInput } from './limits.ts';
import { InvalidInputError, NotFoundError } from './user-errors.ts';

const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  description: 'The API key to make.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'A name for people, 1 to 100 characters.' }),
    projectId: t.id({ description: "Global id of the project it belongs to; the caller's where omitted." }),
    scopes: t.field({ type: [ScopeEnum], required: true, description: 'What it may do; at least one.' }),
    models: t.stringList({ description: 'Names or aliases of the models it may use, at most 100; all where omitted.' }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When it ends by itself, in the future; never where omitted.',
    }),
    limits: t.field({ type: LimitsInput, description: 'Its own limits; none where omitted.' }),
  }),
});

interface Created {
  readonly apiKey: ApiKey;
  readonly secret: string;
}

const CreateApiKeyPayload = builder.objectRef<Created>('CreateApiKeyPayload').implement({
  description: 'The new API key.',
  fields: (t) => ({
    apiKey: t.field({ type: ApiKeyNode, description: 'The key.', resolve: ({ apiKey }) => apiKey }),
    secret: t.exposeString('secret', {
      description: 'The secret to send as `Authorization: Bearer`. Shown here and never again: keep it safe.',
    }),
  }),
});

builder.mutationField('createApiKey', (t) =>
  t.field({
    type: CreateApiKeyPayload,
    description: 'Makes an API key and shows its secret, once. Needs the scope ADMIN.',
    authScopes: { scope: 'ADMIN' },
    args: { input: t.arg({ type: CreateApiKeyInput, required: true, description: 'The key to make.' }) },
    errors: {
      types: [InvalidInputError, NotFoundError],
      union: { name: 'CreateApiKeyResult', description: 'The new API key, or why there is none.' },
    },
    resolve: (_root, { input: { projectId, ...input } }, context) => {
      const project = projectId == null ? undefined : decodeIdOf('Project', projectId);
      if (projectId != null && !project) throw new DomainError('NOT_FOUND', 'There is no such project.');
      return context.services.keys.create(caller(context), project ? { ...input, projectId: project } : input);
    },
  }),
);
