import type { ApiKeyId, AuditEventId, ProjectId } from '../contracts/ids.ts';
import type { JsonValue } from '../contracts/json.ts';
import type { AuditEvent, AuditStore } from '../contracts/stores/audit.ts';
import { Prisma, type PrismaClient, type AuditEvent as Row } from './generated/client.ts';
import { readPage } from './pages.ts';
import { possibleIds } from './rows.ts';

export function createAudit(prisma: PrismaClient): AuditStore {
  return {
    async record(event) {
      await prisma.auditEvent.create({ data: auditRow(event) });
    },

    list({ projectId, action }, page) {
      return readPage(
        page,
        ({ where, orderBy, take }) =>
          prisma.auditEvent.findMany({
            where: { ...where, ...(projectId !== undefined && { projectId }), ...(action !== undefined && { action }) },
            orderBy,
            take,
          }),
        auditEventOf,
      );
    },

    async find(ids) {
      const rows = await prisma.auditEvent.findMany({ where: { id: { in: possibleIds(ids) } } });
      return rows.map(auditEventOf);
    },
  };
}

/** The row of an event, for the transaction of the change it tells of. */
export function auditRow(event: AuditEvent): Prisma.AuditEventCreateInput {
  return { ...event, before: jsonColumn(event.before), after: jsonColumn(event.after) };
}

function auditEventOf(row: Row): AuditEvent {
  return {
    id: row.id as AuditEventId,
    at: row.at,
    actorApiKeyId: row.actorApiKeyId as ApiKeyId | null,
    action: row.action as AuditEvent['action'],
    targetId: row.targetId,
    projectId: row.projectId as ProjectId | null,
    before: row.before as JsonValue,
    after: row.after as JsonValue,
  };
}

function jsonColumn(value: JsonValue): Prisma.InputJsonValue | typeof Prisma.JsonNull {
  return value === null ? Prisma.JsonNull : (value as Prisma.InputJsonValue);
}
