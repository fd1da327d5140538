import type { ProjectId } from '../../contracts/ids.ts';
import type { Project, ProjectStore } from '../../contracts/stores.ts';
import { type Principal, seesProject } from '../access/principal.ts';

/** Projects, as far as a principal sees them. */
export interface Projects {
  /** In the order of the ids; undefined for what is unknown or not the principal's. */
  find(principal: Principal, ids: readonly ProjectId[]): Promise<readonly (Project | undefined)[]>;
}

export function createProjects(store: ProjectStore): Projects {
  return {
    async find(principal, ids) {
      const byId = new Map((await store.find(ids)).map((project) => [project.id, project]));
      return ids.map((id) => {
        const project = byId.get(id);
        return project && seesProject(principal, project.id) ? project : undefined;
      });
    },
  };
}
