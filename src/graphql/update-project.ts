import { DomainError } from '../contracts/errors.ts';
import type { Project } from '../contracts/stores/projects.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { decodeIdOf } from './ids.ts';
import { LimitsInput } from './limits.ts';
import { ProjectNode } from './project.ts';
import { InvalidInputError, NotFoundError } from './user-errors.ts';

const UpdateProjectInput = builder.inputType('UpdateProjectInput', {
  description: 'What to change of a project; what is left out stays as it is.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Global id of the project.' }),
    name: t.string({ description: 'A name of its own, 1 to 100 characters.' }),
    limits: t.field({
      type: LimitsInput,
      description: 'Limits to set, or to lift where null; those left out stay. Null in place of all lifts all.',
    }),
  }),
});

const UpdateProjectPayload = builder.objectRef<{ readonly project: Project }>('UpdateProjectPayload').implement({
  description: 'The changed project.',
  fields: (t) => ({
    project: t.field({ type: ProjectNode, description: 'The project, as it is now.', resolve: (p) => p.project }),
  }),
});

builder.mutationField('updateProject', (t) =>
  t.field({
    type: UpdateProjectPayload,
    description: 'Changes a project, at once. Needs the scope ADMIN.',
    authScopes: { scope: 'ADMIN' },
    args: { input: t.arg({ type: UpdateProjectInput, required: true, description: 'The project, and its changes.' }) },
    errors: {
      types: [InvalidInputError, NotFoundError],
      union: { name: 'UpdateProjectResult', description: 'The changed project, or why it is not.' },
    },
    resolve: async (_root, { input: { id: globalId, ...changes } }, context) => {
      const id = decodeIdOf('Project', globalId);
      if (!id) throw new DomainError('NOT_FOUND', 'There is no such project.');
      return { project: await context.services.projects.update(caller(context), id, changes) };
    },
  }),
);
