import type { Project } from '../contracts/stores/projects.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { pageComplexity, paginate } from './pagination.ts';
import { ProjectNode } from './project.ts';

const ProjectFilter = builder.inputType('ProjectFilter', {
  description: 'Which projects; everything given must hold.',
  fields: (t) => ({
    archived: t.boolean({ description: 'Only archived projects (true), or only active ones (false).' }),
  }),
});

builder.queryField('projects', (t) =>
  t.connection(
    {
      type: ProjectNode,
      description: 'Projects, newest first. Needs the scope ADMIN. INVALID_INPUT: page arguments.',
      authScopes: { scope: 'ADMIN' },
      complexity: pageComplexity,
      args: { filter: t.arg({ type: ProjectFilter, description: 'Which projects; all where omitted.' }) },
      resolve: (_root, { filter, ...page }, context) => {
        const archived = filter?.archived;
        const rows = archived == null ? {} : { archived };
        return paginate<Project>(page, (request) => context.services.projects.list(caller(context), rows, request));
      },
    },
    { name: 'ProjectConnection', description: 'A page of projects.' },
    { name: 'ProjectEdge', description: 'A project and its position.' },
  ),
);
