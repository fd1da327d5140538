import { DomainError } from '../contracts/errors.ts';
import type { Project } from '../contracts/stores/projects.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { decodeIdOf } from './ids.ts';
import { ProjectNode } from './project.ts';
import { InvalidInputError, NotFoundError } from './user-errors.ts';

const ArchiveProjectInput = builder.inputType('ArchiveProjectInput', {
  description: 'The project to archive.',
  fields: (t) => ({ id: t.id({ required: true, description: 'Global id of the project.' }) }),
});

const ArchiveProjectPayload = builder.objectRef<{ readonly project: Project }>('ArchiveProjectPayload').implement({
  description: 'The archived project.',
  fields: (t) => ({
    project: t.field({ type: ProjectNode, description: 'The project, with archivedAt.', resolve: (p) => p.project }),
  }),
});

builder.mutationField('archiveProject', (t) =>
  t.field({
    type: ArchiveProjectPayload,
    description:
      'Archives a project: its keys are refused at once and for good, what they opened is closed; its usage stays. Archiving again answers the same. INVALID_INPUT for the project of the key that asks. Needs the scope ADMIN.',
    authScopes: { scope: 'ADMIN' },
    args: { input: t.arg({ type: ArchiveProjectInput, required: true, description: 'The project to archive.' }) },
    errors: {
      types: [InvalidInputError, NotFoundError],
      union: { name: 'ArchiveProjectResult', description: 'The archived project, or why it is not.' },
    },
    resolve: async (_root, { input }, context) => {
      const id = decodeIdOf('Project', input.id);
      if (!id) throw new DomainError('NOT_FOUND', 'There is no such project.');
      return { project: await context.services.projects.archive(caller(context), id) };
    },
  }),
);
