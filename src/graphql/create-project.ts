import type { Project } from '../contracts/stores/projects.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { LimitsInput } from './limits.ts';
import { ProjectNode } from './project.ts';
import { InvalidInputError } from './user-errors.ts';

const CreateProjectInput = builder.inputType('CreateProjectInput', {
  description: 'The project to make.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'A name of its own, 1 to 100 characters.' }),
    limits: t.field({ type: LimitsInput, description: 'Limits that its keys share; none where omitted.' }),
  }),
});

const CreateProjectPayload = builder.objectRef<{ readonly project: Project }>('CreateProjectPayload').implement({
  description: 'The new project.',
  fields: (t) => ({
    project: t.field({ type: ProjectNode, description: 'The project.', resolve: ({ project }) => project }),
  }),
});

builder.mutationField('createProject', (t) =>
  t.field({
    type: CreateProjectPayload,
    description: 'Makes a project. Needs the scope ADMIN.',
    authScopes: { scope: 'ADMIN' },
    args: { input: t.arg({ type: CreateProjectInput, required: true, description: 'The project to make.' }) },
    errors: {
      types: [InvalidInputError],
      union: { name: 'CreateProjectResult', description: 'The new project, or why there is none.' },
    },
    resolve: async (_root, { input }, context) => ({
      project: await context.services.projects.create(caller(context), input),
    }),
  }),
);
