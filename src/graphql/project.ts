import type { ProjectId } from '../contracts/ids.ts';
import type { Project } from '../contracts/stores/projects.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import type { GraphqlContext } from './context.ts';
import { LimitsType } from './limits.ts';

export const ProjectNode = builder.loadableNodeRef('Project', {
  id: { resolve: ({ id }: Project) => id },
  load: (ids: ProjectId[], context: GraphqlContext) =>
    context.services.projects.find(caller(context), ids) as Promise<readonly Project[]>,
});

ProjectNode.implement({
  description: 'What API keys, completions and usage belong to.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name.' }),
    limits: t.expose('limits', { type: LimitsType, description: 'Limits that all its keys share.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    archivedAt: t.expose('archivedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when its keys are refused; null while it is active.',
    }),
  }),
});
