import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import { DomainError } from '../../contracts/errors.ts';
import type { ProjectId } from '../../contracts/ids.ts';
import type { Signals } from '../../contracts/signals.ts';
import type { Project, ProjectFilter, ProjectOutcome, ProjectStore } from '../../contracts/stores/projects.ts';
import type { Page, PageRequest } from '../../contracts/stores/store.ts';
import { type Principal, requireScope, seesProject } from '../access/principal.ts';
import { auditEntry } from '../audit/audit.ts';
import { invalidInput, parseInput } from '../parse-input.ts';
import { changedLimits, givenLimits, limitsSchema, noLimits } from '../quotas/limits-input.ts';
import { storableText } from '../text.ts';

/** Projects: made, changed, listed and archived by administrators. */
export interface Projects {
  /** Throws INVALID_INPUT where the name is taken. */
  create(principal: Principal, input: unknown): Promise<Project>;
  /** Changes what is given, at once. Throws NOT_FOUND, and INVALID_INPUT where the name is taken. */
  update(principal: Principal, id: ProjectId, input: unknown): Promise<Project>;
  /** Its keys are refused from now on; archiving again answers the same. Throws NOT_FOUND, and INVALID_INPUT for one's own. */
  archive(principal: Principal, id: ProjectId): Promise<Project>;
  /** In the order of the ids; undefined for what is unknown or not the principal's. */
  find(principal: Principal, ids: readonly ProjectId[]): Promise<readonly (Project | undefined)[]>;
  list(principal: Principal, filter: ProjectFilter, page: PageRequest<ProjectId>): Promise<Page<Project>>;
}

const name = storableText.trim().min(1, 'must not be empty').max(100);
const createSchema = z.strictObject({ name, limits: limitsSchema.nullish() });
const updateSchema = z.strictObject({ name: name.optional(), limits: limitsSchema.nullable().optional() });

export interface ProjectsOptions {
  readonly projects: ProjectStore;
  readonly signals: Signals;
  readonly now?: () => Date;
}

export function createProjects({ projects, signals, now = () => new Date() }: ProjectsOptions): Projects {
  return {
    async create(principal, input) {
      requireScope(principal, 'ADMIN');
      const { name, limits } = parseInput(createSchema, input);
      const at = now();
      const project = {
        id: uuidv7() as ProjectId,
        name,
        limits: { ...noLimits, ...givenLimits(limits ?? {}) },
        createdAt: at,
      };
      return stored(await projects.create(project, auditEntry(principal, 'project.create', at)));
    },

    async update(principal, id, input) {
      requireScope(principal, 'ADMIN');
      const { name, limits } = parseInput(updateSchema, input);
      const changes = {
        ...(name !== undefined && { name }),
        ...(limits !== undefined && { limits: changedLimits(limits) }),
      };
      return stored(await projects.update(id, changes, auditEntry(principal, 'project.update', now())));
    },

    async archive(principal, id) {
      requireScope(principal, 'ADMIN');
      if (id === principal.projectId) {
        const message = 'is the project of the API key that asks: use a key of another project';
        throw invalidInput([{ path: ['id'], code: 'own_project', message }]);
      }
      const at = now();
      const project = await projects.archive(id, at, auditEntry(principal, 'project.archive', at));
      if (!project) throw unknownProject();
      signals.publish({ type: 'project-changed', projectId: id });
      return project;
    },

    async find(principal, ids) {
      const byId = new Map((await projects.find(ids)).map((project) => [project.id, project]));
      return ids.map((id) => {
        const project = byId.get(id);
        return project && seesProject(principal, project.id) ? project : undefined;
      });
    },

    async list(principal, filter, page) {
      requireScope(principal, 'ADMIN');
      return projects.list(filter, page);
    },
  };
}

function stored(outcome: ProjectOutcome): Project {
  switch (outcome.type) {
    case 'stored':
      return outcome.project;
    case 'name-taken':
      throw invalidInput([{ path: ['name'], code: 'taken', message: 'there is a project of this name' }]);
    case 'unknown':
      throw unknownProject();
    default:
      return outcome satisfies never;
  }
}

function unknownProject(): DomainError {
  return new DomainError('NOT_FOUND', 'There is no such project.');
}
