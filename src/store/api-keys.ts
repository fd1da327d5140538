import type { ApiKeyId, ProjectId } from '../contracts/ids.ts';
import type { ApiKey, ApiKeyStore, JsonValue } from '../contracts/stores.ts';
import { auditRow } from './audit.ts';
import type { PrismaClient, ApiKey as Row } from './generated/client.ts';
import { limitsOf } from './limits.ts';
import { readPage } from './pages.ts';
import { isPossibleId, possibleIds, timestamp } from './rows.ts';

export function createApiKeys(prisma: PrismaClient): ApiKeyStore {
  return {
    async create({ hash, limits, models, scopes, ...key }, audit) {
      const created = {
        ...key,
        ...limits,
        hash: Uint8Array.from(hash),
        scopes: [...scopes],
        models: [...(models ?? [])],
        allModels: models === null,
      };
      const [row] = await prisma.$transaction([
        prisma.apiKey.create({ data: created }),
        prisma.quota.create({ data: { subjectId: key.id } }),
        prisma.auditEvent.create({
          data: auditRow({
            ...audit,
            targetId: key.id,
            projectId: key.projectId,
            before: null,
            after: auditedState(apiKeyOf({ ...created, revokedAt: null, lastUsedAt: null })),
          }),
        }),
      ]);
      return apiKeyOf(row);
    },

    async findByHash(hash) {
      const row = await prisma.apiKey.findUnique({ where: { hash: Uint8Array.from(hash) } });
      return row ? apiKeyOf(row) : undefined;
    },

    async find(ids) {
      const rows = await prisma.apiKey.findMany({ where: { id: { in: possibleIds(ids) } } });
      return rows.map(apiKeyOf);
    },

    list({ projectId, revoked }, page) {
      return readPage(
        page,
        ({ where, orderBy, take }) =>
          prisma.apiKey.findMany({
            where: {
              ...where,
              ...(projectId !== undefined && { projectId }),
              ...(revoked !== undefined && { revokedAt: revoked ? { not: null } : null }),
            },
            orderBy,
            take,
          }),
        apiKeyOf,
      );
    },

    async revoke(id, at, audit) {
      if (!isPossibleId(id)) return undefined;
      return prisma.$transaction(async (transaction) => {
        const revoked = await transaction.apiKey.updateManyAndReturn({
          where: { id, revokedAt: null },
          data: { revokedAt: at },
        });
        const [now] = revoked;
        if (now) {
          const after = apiKeyOf(now);
          await transaction.auditEvent.create({
            data: auditRow({
              ...audit,
              targetId: id,
              projectId: after.projectId,
              before: auditedState({ ...after, revokedAt: null }),
              after: auditedState(after),
            }),
          });
          return after;
        }
        const found = await transaction.apiKey.findUnique({ where: { id } });
        return found ? apiKeyOf(found) : undefined;
      });
    },

    async touch(lastUsed) {
      if (lastUsed.size === 0) return;
      const ids = [...lastUsed.keys()];
      const moments = [...lastUsed.values()].map((date) => timestamp(date));
      await prisma.$executeRaw`
        UPDATE api_keys k SET last_used_at = greatest(k.last_used_at, u.at)
        FROM unnest(${ids}::uuid[], ${moments}::timestamptz[]) AS u (id, at) WHERE k.id = u.id`;
    },
  };
}

function apiKeyOf(row: Row): ApiKey {
  return {
    id: row.id as ApiKeyId,
    projectId: row.projectId as ProjectId,
    name: row.name,
    hint: row.hint,
    scopes: row.scopes,
    models: row.allModels ? null : row.models,
    limits: limitsOf(row),
    createdAt: row.createdAt,
    expiresAt: row.expiresAt,
    revokedAt: row.revokedAt,
    lastUsedAt: row.lastUsedAt,
  };
}

/** What an audit event shows of a key. */
function auditedState({ name, hint, scopes, models, limits, expiresAt, revokedAt }: ApiKey): JsonValue {
  const shownLimits = Object.entries(limits).map(([limit, size]) => [
    limit,
    typeof size === 'bigint' ? String(size) : size,
  ]);
  return {
    name,
    hint,
    scopes,
    models,
    limits: Object.fromEntries(shownLimits),
    expiresAt: timestamp(expiresAt),
    revokedAt: timestamp(revokedAt),
  };
}
