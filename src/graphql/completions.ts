import type { Completion, CompletionFilter } from '../contracts/stores/completions.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { CompletionNode } from './completion.ts';
import { CompletionStatusEnum } from './enums.ts';
import { idFilter } from './id-filter.ts';
import { pageComplexity, paginate } from './pagination.ts';

const CompletionFilterInput = builder.inputType('CompletionFilter', {
  description: 'Which completions; everything given must hold.',
  fields: (t) => ({
    projectId: t.id({ description: "Global id of a project; another than the caller's needs the scope ADMIN." }),
    apiKeyId: t.id({ description: 'Global id of the API key that created them.' }),
    status: t.field({ type: [CompletionStatusEnum], description: 'In one of these states.' }),
    model: t.string({ description: "The model's own name." }),
    user: t.string({ description: "The caller's own tag." }),
    createdFrom: t.field({ type: 'DateTime', description: 'Created at this moment or later.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Created before this moment.' }),
  }),
});

function storeFilter(filter: typeof CompletionFilterInput.$inferInput): CompletionFilter {
  return {
    projectId: idFilter('Project', filter.projectId) ?? null,
    ...(filter.apiKeyId == null ? {} : { apiKeyId: idFilter('ApiKey', filter.apiKeyId)! }),
    ...(filter.status == null ? {} : { status: filter.status }),
    ...(filter.model == null ? {} : { model: filter.model }),
    ...(filter.user == null ? {} : { user: filter.user }),
    ...(filter.createdFrom == null ? {} : { createdFrom: filter.createdFrom }),
    ...(filter.createdBefore == null ? {} : { createdBefore: filter.createdBefore }),
  };
}

builder.queryField('completions', (t) =>
  t.connection(
    {
      type: CompletionNode,
      description:
        "Completions, newest first: the project's own, or of all projects for the scope ADMIN. Needs the scope COMPLETIONS. INVALID_INPUT: page arguments.",
      authScopes: { scope: 'COMPLETIONS' },
      complexity: pageComplexity,
      args: { filter: t.arg({ type: CompletionFilterInput, description: 'Which completions; all where omitted.' }) },
      resolve: (_root, { filter, ...page }, context) => {
        const principal = caller(context);
        const rows = storeFilter(filter ?? {});
        return paginate<Completion>(page, (request) => context.services.completions.list(principal, rows, request));
      },
    },
    { name: 'CompletionConnection', description: 'A page of completions.' },
    { name: 'CompletionEdge', description: 'A completion and its position.' },
  ),
);
