import type { UsageRecordId } from '../contracts/ids.ts';
import type { UsageRecord, UsageRecordFilter } from '../contracts/stores/usage.ts';
import { ApiKeyNode } from './api-key.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { CompletionNode, CompletionUsage } from './completion.ts';
import { CompletionTimings } from './completion-timings.ts';
import type { GraphqlContext } from './context.ts';
import { CompletionStatusEnum, ErrorCodeEnum, FinishReasonEnum } from './enums.ts';
import { idFilter } from './id-filter.ts';
import { ModelPriceType } from './model.ts';
import { pageComplexity, paginate } from './pagination.ts';
import { ProjectNode } from './project.ts';

export const UsageRecordNode = builder.loadableNodeRef('UsageRecord', {
  id: { resolve: ({ id }: UsageRecord) => id },
  load: (ids: UsageRecordId[], context: GraphqlContext) =>
    context.services.usage.findRecords(caller(context), ids) as Promise<readonly UsageRecord[]>,
});

UsageRecordNode.implement({
  description: 'What one completion used: written once, whatever its ending, and never changed.',
  fields: (t) => ({
    completion: t.field({
      type: CompletionNode,
      nullable: true,
      description: 'The completion; null where it is gone. Needs the scope COMPLETIONS.',
      resolve: ({ completionId }) => completionId,
    }),
    project: t.field({ type: ProjectNode, description: 'Whose usage it is.', resolve: ({ projectId }) => projectId }),
    apiKey: t.field({
      type: ApiKeyNode,
      nullable: true,
      description: 'The key that used it; null where that is another key and yours lacks the scope ADMIN.',
      resolve: ({ apiKeyId }) => apiKeyId,
    }),
    model: t.exposeString('model', { description: "The model's own name." }),
    user: t.exposeString('user', { nullable: true, description: "The caller's own tag." }),
    status: t.expose('status', { type: CompletionStatusEnum, description: 'How the completion ended.' }),
    finishReason: t.expose('finishReason', {
      type: FinishReasonEnum,
      nullable: true,
      description: 'Why choice 0 ended.',
    }),
    errorCode: t.field({
      type: ErrorCodeEnum,
      nullable: true,
      description: 'Why it failed, with FAILED.',
      resolve: ({ errorCode }) => errorCode as (typeof ErrorCodeEnum)['$inferType'] | null,
    }),
    usage: t.field({
      type: CompletionUsage,
      description: 'Tokens and money.',
      resolve: ({ usage, cost }) => ({ ...usage, cost }),
    }),
    price: t.expose('price', {
      type: ModelPriceType,
      description: 'The price at admission, which the cost follows from.',
    }),
    timings: t.field({ type: CompletionTimings, description: 'How long it took.', resolve: (record) => record }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'The moment of admission, which decides the day, month and bucket it counts in.',
    }),
  }),
});

const UsageRecordFilterInput = builder.inputType('UsageRecordFilter', {
  description: 'Which usage records; everything given must hold.',
  fields: (t) => ({
    projectId: t.id({ description: "Global id of a project; another than the caller's needs the scope ADMIN." }),
    apiKeyId: t.id({ description: 'Global id of an API key.' }),
    model: t.string({ description: "The model's own name." }),
    user: t.string({ description: "The caller's own tag." }),
    from: t.field({ type: 'DateTime', description: 'Admitted at this moment or later.' }),
    before: t.field({ type: 'DateTime', description: 'Admitted before this moment.' }),
  }),
});

function storeFilter(filter: typeof UsageRecordFilterInput.$inferInput): UsageRecordFilter {
  return {
    projectId: idFilter('Project', filter.projectId) ?? null,
    ...(filter.apiKeyId == null ? {} : { apiKeyId: idFilter('ApiKey', filter.apiKeyId)! }),
    ...(filter.model == null ? {} : { model: filter.model }),
    ...(filter.user == null ? {} : { user: filter.user }),
    ...(filter.from == null ? {} : { from: filter.from }),
    ...(filter.before == null ? {} : { before: filter.before }),
  };
}

builder.queryField('usageRecords', (t) =>
  t.connection(
    {
      type: UsageRecordNode,
      description:
        "Usage records, newest first by the moment of admission: the project's own, or of all projects for the scope ADMIN. Needs the scope USAGE_READ. INVALID_INPUT: page arguments.",
      authScopes: { scope: 'USAGE_READ' },
      complexity: pageComplexity,
      args: { filter: t.arg({ type: UsageRecordFilterInput, description: 'Which records; all where omitted.' }) },
      resolve: (_root, { filter, ...page }, context) => {
        const principal = caller(context);
        const rows = storeFilter(filter ?? {});
        return paginate<UsageRecord>(page, (request) => context.services.usage.records(principal, rows, request));
      },
    },
    { name: 'UsageRecordConnection', description: 'A page of usage records.' },
    { name: 'UsageRecordEdge', description: 'A usage record and its position.' },
  ),
);
