import type { Principal } from '../domain/access/principal.ts';
import { ApiKeyNode } from './api-key.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { ScopeEnum } from './enums.ts';
import { LimitStateType } from './limits.ts';
import { ProjectNode } from './project.ts';

const Viewer = builder.objectRef<Principal>('Viewer').implement({
  description: 'The API key that asks.',
  fields: (t) => ({
    apiKey: t.field({ type: ApiKeyNode, description: 'The key itself.', resolve: ({ apiKeyId }) => apiKeyId }),
    project: t.field({ type: ProjectNode, description: 'Its project.', resolve: ({ projectId }) => projectId }),
    scopes: t.field({ type: [ScopeEnum], description: 'What it may do.', resolve: ({ scopes }) => [...scopes] }),
    limits: t.field({
      type: [LimitStateType],
      description:
        "The limits that hold for it, its own and its project's, and what is left of them; only those that are set.",
      resolve: async (principal, _args, { services }) => [...(await services.usage.limits(principal))],
    }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: Viewer,
    description: 'The API key that asks. Any key may.',
    authScopes: { authenticated: true },
    resolve: (_root, _args, context) => caller(context),
  }),
);
