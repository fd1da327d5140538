import type { AuditEventId } from '../contracts/ids.ts';
import type { AuditEvent } from '../contracts/stores/audit.ts';
import { ApiKeyNode } from './api-key.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import type { GraphqlContext } from './context.ts';
import { AuditActionEnum } from './enums.ts';
import { idFilter } from './id-filter.ts';
import { encodeId } from './ids.ts';
import { pageComplexity, paginate } from './pagination.ts';
import { ProjectNode } from './project.ts';

export const AuditEventNode = builder.loadableNodeRef('AuditEvent', {
  id: { resolve: ({ id }: AuditEvent) => id },
  load: (ids: AuditEventId[], context: GraphqlContext) =>
    context.services.audit.find(caller(context), ids) as Promise<readonly AuditEvent[]>,
});

AuditEventNode.implement({
  description: 'One administrative change, written with it and never changed. Holds no secret, prompt or output.',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
    actor: t.field({
      type: ApiKeyNode,
      nullable: true,
      description: 'The API key that did it; null is the installation itself.',
      resolve: ({ actorApiKeyId }) => actorApiKeyId,
    }),
    action: t.expose('action', { type: AuditActionEnum, description: 'What was done.' }),
    targetId: t.id({
      description: "Global id of what it was done to; of a model its name; `secret` for the server's secret.",
      resolve: ({ action, targetId }) => {
        if (action.startsWith('project.')) return encodeId('Project', targetId);
        if (action.startsWith('api-key.')) return encodeId('ApiKey', targetId);
        return targetId;
      },
    }),
    project: t.field({
      type: ProjectNode,
      nullable: true,
      description: 'The project that it belongs to.',
      resolve: ({ projectId }) => projectId,
    }),
    before: t.expose('before', { type: 'JSON', nullable: true, description: 'What it was; null where it was not.' }),
    after: t.expose('after', { type: 'JSON', nullable: true, description: 'What it became.' }),
  }),
});

const AuditEventFilter = builder.inputType('AuditEventFilter', {
  description: 'Which audit events; everything given must hold.',
  fields: (t) => ({
    projectId: t.id({ description: 'Global id of a project.' }),
    action: t.field({ type: AuditActionEnum, description: 'What was done.' }),
  }),
});

builder.queryField('auditEvents', (t) =>
  t.connection(
    {
      type: AuditEventNode,
      description: 'Administrative changes, newest first. Needs the scope ADMIN. INVALID_INPUT: page arguments.',
      authScopes: { scope: 'ADMIN' },
      complexity: pageComplexity,
      args: { filter: t.arg({ type: AuditEventFilter, description: 'Which events; all where omitted.' }) },
      resolve: (_root, { filter, ...page }, context) => {
        const projectId = idFilter('Project', filter?.projectId);
        const action = filter?.action;
        const rows = { ...(projectId ? { projectId } : {}), ...(action == null ? {} : { action }) };
        return paginate<AuditEvent>(page, (request) => context.services.audit.list(caller(context), rows, request));
      },
    },
    { name: 'AuditEventConnection', description: 'A page of audit events.' },
    { name: 'AuditEventEdge', description: 'An audit event and its position.' },
  ),
);
