import { invalidInput } from '../domain/parse-input.ts';
import { ApiKeyNode } from './api-key.ts';
import { AuditEventNode } from './audit-event.ts';
import { builder } from './builder.ts';
import { CompletionNode } from './completion.ts';
import type { GraphqlContext } from './context.ts';
import { decodeId, type NodeNoun } from './ids.ts';
import { ProjectNode } from './project.ts';
import { UsageRecordNode } from './usage-record.ts';

const mostNodes = 100;

type Load = (id: string, context: GraphqlContext) => Promise<object | null | undefined>;

const load: Record<NodeNoun, Load> = {
  ApiKey: (id, context) => ApiKeyNode.getDataloader(context).load(id as never),
  AuditEvent: (id, context) => AuditEventNode.getDataloader(context).load(id as never),
  Completion: (id, context) => CompletionNode.getDataloader(context).load(id as never),
  Project: (id, context) => ProjectNode.getDataloader(context).load(id as never),
  UsageRecord: (id, context) => UsageRecordNode.getDataloader(context).load(id as never),
};

async function loadNode(globalId: string, context: GraphqlContext): Promise<object | null> {
  const decoded = decodeId(globalId);
  const row = decoded && (await load[decoded.noun](decoded.id, context));
  return row ? { __typename: decoded.noun, ...row } : null;
}

builder.queryField('node', (t) =>
  t.field({
    type: builder.nodeInterfaceRef(),
    nullable: true,
    description:
      "Anything by its global id; null where there is none, or it is another project's. The scope is that of its type.",
    authScopes: { authenticated: true },
    args: { id: t.arg.id({ required: true, description: 'Global id.' }) },
    resolve: (_root, { id }, context) => loadNode(id, context),
  }),
);

builder.queryField('nodes', (t) =>
  t.field({
    type: [builder.nodeInterfaceRef()],
    nullable: { list: false, items: true },
    description: 'Like `node`, for many ids at once, in their order.',
    authScopes: { authenticated: true },
    args: { ids: t.arg.idList({ required: true, description: 'Global ids, at most 100.' }) },
    complexity: ({ ids }) => ({ field: 1, multiplier: ids.length }),
    resolve: (_root, { ids }, context) => {
      if (ids.length <= mostNodes) return ids.map((id) => loadNode(id, context));
      throw invalidInput([{ path: ['ids'], code: 'too_big', message: `at most ${mostNodes} ids at once` }]);
    },
  }),
);
