import type { ApiKeyId } from '../contracts/ids.ts';
import type { ApiKey } from '../contracts/stores/api-keys.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import type { GraphqlContext } from './context.ts';
import { ScopeEnum } from './enums.ts';
import { idFilter } from './id-filter.ts';
import { LimitsType } from './limits.ts';
import { pageComplexity, paginate } from './pagination.ts';
import { ProjectNode } from './project.ts';

export const ApiKeyNode = builder.loadableNodeRef('ApiKey', {
  id: { resolve: ({ id }: ApiKey) => id },
  load: (ids: ApiKeyId[], context: GraphqlContext) =>
    context.services.keys.find(caller(context), ids) as Promise<readonly ApiKey[]>,
});

ApiKeyNode.implement({
  description: 'An API key. The secret itself is shown once, by createApiKey, and not kept.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name, for people.' }),
    hint: t.exposeString('hint', { description: 'The first characters of the secret, to recognise it by.' }),
    project: t.field({ type: ProjectNode, description: 'What it belongs to.', resolve: ({ projectId }) => projectId }),
    scopes: t.field({ type: [ScopeEnum], description: 'What it may do.', resolve: ({ scopes }) => [...scopes] }),
    models: t.stringList({
      nullable: true,
      description: 'Names of the models it may use; null is all.',
      resolve: ({ models }) => models && [...models],
    }),
    limits: t.expose('limits', { type: LimitsType, description: "Its own limits; its project's hold as well." }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ends by itself; null is never.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked; null while it holds.',
    }),
    previousSecretExpiresAt: t.expose('previousSecretExpiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Until when the secret before the last rotation opens; null where it was never rotated.',
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Its last use, to the minute; null where it was never used.',
    }),
  }),
});

const ApiKeyFilter = builder.inputType('ApiKeyFilter', {
  description: 'Which API keys; everything given must hold.',
  fields: (t) => ({
    projectId: t.id({ description: 'Global id of the project they belong to.' }),
    revoked: t.boolean({ description: 'Only revoked keys (true), or only those that are not (false).' }),
  }),
});

builder.queryField('apiKeys', (t) =>
  t.connection(
    {
      type: ApiKeyNode,
      description:
        'API keys, newest first: every one for the scope ADMIN, else the one that asks. INVALID_INPUT: page arguments.',
      authScopes: { authenticated: true },
      complexity: pageComplexity,
      args: { filter: t.arg({ type: ApiKeyFilter, description: 'Which keys; all where omitted.' }) },
      resolve: (_root, { filter, ...page }, context) => {
        const projectId = idFilter('Project', filter?.projectId);
        const revoked = filter?.revoked;
        const rows = { ...(projectId ? { projectId } : {}), ...(revoked == null ? {} : { revoked }) };
        return paginate<ApiKey>(page, (request) => context.services.keys.list(caller(context), rows, request));
      },
    },
    { name: 'ApiKeyConnection', description: 'A page of API keys.' },
    { name: 'ApiKeyEdge', description: 'An API key and its position.' },
  ),
);
