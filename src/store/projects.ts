import { uuidv7 } from 'uuidv7';
import type { ProjectId } from '../contracts/ids.ts';
import type { Project, ProjectStore } from '../contracts/stores.ts';
import type { PrismaClient, Project as ProjectRow } from './generated/client.ts';
import { limitsOf } from './limits.ts';
import { possibleIds } from './rows.ts';

const defaultName = 'default';

export function createProjects(prisma: PrismaClient): ProjectStore {
  return {
    async ensureDefault() {
      const found = await prisma.project.findUnique({ where: { name: defaultName } });
      if (found) return projectOf(found);
      // Several processes may start on one database: the first makes it, all read that one.
      const id = uuidv7();
      await prisma.$transaction([
        prisma.project.createMany({ data: { id, name: defaultName, createdAt: new Date() }, skipDuplicates: true }),
        prisma.$executeRaw`INSERT INTO quotas (subject_id) SELECT id FROM projects WHERE id = ${id}::uuid`,
      ]);
      return projectOf(await prisma.project.findUniqueOrThrow({ where: { name: defaultName } }));
    },

    async find(ids) {
      const rows = await prisma.project.findMany({ where: { id: { in: possibleIds(ids) } } });
      return rows.map(projectOf);
    },
  };
}

export function projectOf(row: ProjectRow): Project {
  return {
    id: row.id as ProjectId,
    name: row.name,
    limits: limitsOf(row),
    createdAt: row.createdAt,
    archivedAt: row.archivedAt,
  };
}
