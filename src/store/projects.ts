import { uuidv7 } from 'uuidv7';
import type { ProjectId } from '../contracts/ids.ts';
import type { JsonValue } from '../contracts/json.ts';
import type { AuditEntry } from '../contracts/stores/audit.ts';
import type { Project, ProjectOutcome, ProjectStore } from '../contracts/stores/projects.ts';
import { auditRow } from './audit.ts';
import { Prisma, type PrismaClient, type Project as ProjectRow } from './generated/client.ts';
import { limitsOf, shownLimits } from './limits.ts';
import { readPage } from './pages.ts';
import { isPossibleId, possibleIds, timestamp } from './rows.ts';

const defaultName = 'default';

export function createProjects(prisma: PrismaClient): ProjectStore {
  /** One transaction: locks the project, changes it and says so in the audit; neither where nothing is to change. */
  function change(
    id: ProjectId,
    audit: AuditEntry,
    dataOf: (row: ProjectRow) => Prisma.ProjectUpdateInput | undefined,
  ): Promise<Project | undefined> {
    return prisma.$transaction(async (transaction) => {
      await transaction.$executeRaw`SELECT FROM projects WHERE id = ${id}::uuid FOR UPDATE`;
      const row = await transaction.project.findUnique({ where: { id } });
      if (!row) return undefined;
      const before = projectOf(row);
      const data = dataOf(row);
      if (!data) return before;
      const after = projectOf(await transaction.project.update({ where: { id }, data }));
      const [was, is] = [auditedState(before), auditedState(after)];
      if (JSON.stringify(was) !== JSON.stringify(is)) {
        const event = { ...audit, targetId: id, projectId: id, before: was, after: is };
        await transaction.auditEvent.create({ data: auditRow(event) });
      }
      return after;
    });
  }

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

    list({ archived }, page) {
      return readPage(
        page,
        ({ where, orderBy, take }) =>
          prisma.project.findMany({
            where: { ...where, ...(archived !== undefined && { archivedAt: archived ? { not: null } : null }) },
            orderBy,
            take,
          }),
        projectOf,
      );
    },

    create: ({ limits, ...project }, audit) =>
      unlessNameTaken(async () => {
        const event = { ...audit, targetId: project.id, projectId: project.id, before: null };
        const after = auditedState({ ...project, limits, archivedAt: null });
        const [row] = await prisma.$transaction([
          prisma.project.create({ data: { ...project, ...limits } }),
          prisma.quota.create({ data: { subjectId: project.id } }),
          prisma.auditEvent.create({ data: auditRow({ ...event, after }) }),
        ]);
        return projectOf(row);
      }),

    update: (id, { name, limits }, audit) =>
      unlessNameTaken(async () =>
        isPossibleId(id) ? change(id, audit, () => ({ ...(name !== undefined && { name }), ...limits })) : undefined,
      ),

    async archive(id, at, audit) {
      if (!isPossibleId(id)) return undefined;
      return change(id, audit, (row) => (row.archivedAt ? undefined : { archivedAt: at }));
    },
  };
}

async function unlessNameTaken(store: () => Promise<Project | undefined>): Promise<ProjectOutcome> {
  try {
    const project = await store();
    return project ? { type: 'stored', project } : { type: 'unknown' };
  } catch (error) {
    const isDuplicate = error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002';
    if (isDuplicate) return { type: 'name-taken' };
    throw error;
  }
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

/** What an audit event shows of a project. */
function auditedState({ name, limits, archivedAt }: Project): JsonValue {
  return { name, limits: shownLimits(limits), archivedAt: timestamp(archivedAt) };
}
