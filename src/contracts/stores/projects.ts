import type { ProjectId } from '../ids.ts';
import type { AuditEntry } from './audit.ts';
import type { Limits } from './limits.ts';
import type { Page, PageRequest } from './store.ts';

export interface Project {
  readonly id: ProjectId;
  readonly name: string;
  readonly limits: Limits;
  readonly createdAt: Date;
  readonly archivedAt: Date | null;
}

export interface ProjectStore {
  /** The project named "default", made on first call. */
  ensureDefault(): Promise<Project>;
  find(ids: readonly ProjectId[]): Promise<readonly Project[]>;
  list(filter: ProjectFilter, page: PageRequest<ProjectId>): Promise<Page<Project>>;
  /** Stores the project and its audit event. */
  create(project: NewProject, audit: AuditEntry): Promise<ProjectOutcome>;
  /** Changes what is given. What changes nothing writes no audit event. */
  update(id: ProjectId, changes: ProjectChanges, audit: AuditEntry): Promise<ProjectOutcome>;
  /** Archiving again keeps the first moment and writes no second audit event. Undefined for an unknown id. */
  archive(id: ProjectId, at: Date, audit: AuditEntry): Promise<Project | undefined>;
}

export type NewProject = Omit<Project, 'archivedAt'>;

export interface ProjectChanges {
  readonly name?: string;
  readonly limits?: Partial<Limits>;
}

export type ProjectOutcome =
  | { readonly type: 'stored'; readonly project: Project }
  | { readonly type: 'name-taken' }
  | { readonly type: 'unknown' };

export interface ProjectFilter {
  readonly archived?: boolean;
}
