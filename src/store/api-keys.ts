import type { ApiKeyId, ProjectId } from '../contracts/ids.ts';
import type { JsonValue } from '../contracts/json.ts';
import type { ApiKey, ApiKeyChanges, ApiKeyOutcome, ApiKeyStore, FoundByHash } from '../contracts/stores/api-keys.ts';
import type { AuditEntry } from '../contracts/stores/audit.ts';
import { auditRow } from './audit.ts';
import type { Prisma, PrismaClient, ApiKey as Row } from './generated/client.ts';
import { limitsOf, shownLimits } from './limits.ts';
import { readPage } from './pages.ts';
import { isPossibleId, possibleIds, timestamp } from './rows.ts';

export function createApiKeys(prisma: PrismaClient): ApiKeyStore {
  /** One transaction: locks the key, changes it and says so in the audit; neither where nothing is to change. */
  function change(
    id: ApiKeyId,
    audit: AuditEntry,
    dataOf: (row: Row) => Prisma.ApiKeyUpdateInput | undefined,
  ): Promise<ApiKey | undefined> {
    return prisma.$transaction(async (transaction) => {
      await transaction.$executeRaw`SELECT FROM api_keys WHERE id = ${id}::uuid FOR UPDATE`;
      const before = await transaction.apiKey.findUnique({ where: { id } });
      if (!before) return undefined;
      const data = dataOf(before);
      if (!data) return apiKeyOf(before);
      const after = apiKeyOf(await transaction.apiKey.update({ where: { id }, data }));
      const [was, is] = [auditedState(apiKeyOf(before)), auditedState(after)];
      if (JSON.stringify(was) !== JSON.stringify(is) || data.hash !== undefined) {
        const event = { ...audit, targetId: id, projectId: after.projectId, before: was, after: is };
        await transaction.auditEvent.create({ data: auditRow(event) });
      }
      return after;
    });
  }

  /** Like `change`, but a revoked key stays as it is. */
  async function changeActive(
    id: ApiKeyId,
    audit: AuditEntry,
    dataOf: (row: Row) => Prisma.ApiKeyUpdateInput,
  ): Promise<ApiKeyOutcome> {
    if (!isPossibleId(id)) return { type: 'unknown' };
    const apiKey = await change(id, audit, (row) => (row.revokedAt ? undefined : dataOf(row)));
    if (!apiKey) return { type: 'unknown' };
    return apiKey.revokedAt ? { type: 'revoked' } : { type: 'stored', apiKey };
  }

  async function findEachByHash(
    secrets: readonly (readonly Uint8Array[])[],
  ): Promise<readonly (FoundByHash | undefined)[]> {
    const hashes = secrets.flat().map((hash) => Uint8Array.from(hash));
    const rows = await prisma.apiKey.findMany({
      where: { OR: [{ hash: { in: hashes } }, { previousHash: { in: hashes } }] },
      include: { project: { select: { archivedAt: true } } },
    });
    const found = new Map<string, FoundByHash>();
    for (const row of rows) for (const one of foundBy(row)) found.set(nameOf(one.hash), one);
    return secrets.map((of) => of.map((hash) => found.get(nameOf(hash))).find((one) => one !== undefined));
  }

  return {
    async create({ hash, limits, models, scopes, ...key }, audit) {
      const created = {
        ...key,
        ...limits,
        hash: Uint8Array.from(hash),
        scopes: [...scopes],
        ...modelsData(models),
      };
      const stored = { ...created, previousHash: null, previousExpiresAt: null, revokedAt: null, lastUsedAt: null };
      const [row] = await prisma.$transaction([
        prisma.apiKey.create({ data: created }),
        prisma.quota.create({ data: { subjectId: key.id } }),
        prisma.auditEvent.create({
          data: auditRow({
            ...audit,
            targetId: key.id,
            projectId: key.projectId,
            before: null,
            after: auditedState(apiKeyOf(stored)),
          }),
        }),
      ]);
      return apiKeyOf(row);
    },

    findByHash: async (hashes) => (await findEachByHash([hashes]))[0],

    findEachByHash,

    async rehash(from, to) {
      const [was, is] = [Uint8Array.from(from), Uint8Array.from(to)];
      await prisma.$transaction([
        prisma.apiKey.updateMany({ where: { hash: was }, data: { hash: is } }),
        prisma.apiKey.updateMany({ where: { previousHash: was }, data: { previousHash: is } }),
      ]);
    },

    async find(ids) {
      const rows = await prisma.apiKey.findMany({ where: { id: { in: possibleIds(ids) } } });
      return rows.map(apiKeyOf);
    },

    list({ id, projectId, revoked }, page) {
      return readPage(
        page,
        ({ where, orderBy, take }) =>
          prisma.apiKey.findMany({
            where: {
              // The page's own bounds are of the id too.
              AND: [where, { ...(id !== undefined && { id }) }],
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
      return change(id, audit, (row) => (row.revokedAt ? undefined : { revokedAt: at }));
    },

    update: (id, changes, audit) => changeActive(id, audit, () => changedData(changes)),

    rotate: (id, { hash, hint, at, graceUntil }, audit) =>
      changeActive(id, audit, (row) => {
        const inGrace = row.previousHash !== null && row.previousExpiresAt !== null && row.previousExpiresAt > at;
        return {
          hash: Uint8Array.from(hash),
          hint,
          previousHash: inGrace ? row.previousHash : row.hash,
          previousExpiresAt: inGrace ? earlier(row.previousExpiresAt, graceUntil) : graceUntil,
        };
      }),

    async touch(uses) {
      if (uses.length === 0) return;
      const ids = uses.map(({ id }) => id);
      const hashes = uses.map(({ hash }) => Buffer.from(hash).toString('hex'));
      const moments = uses.map(({ at }) => timestamp(at));
      await prisma.$executeRaw`
        UPDATE api_keys k SET last_used_at = greatest(k.last_used_at, u.at)
        FROM unnest(${ids}::uuid[], ${hashes}::text[], ${moments}::timestamptz[]) AS u (id, hash, at)
        WHERE k.id = u.id AND decode(u.hash, 'hex') IN (k.hash, k.previous_hash)`;
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
    previousSecretExpiresAt: row.previousExpiresAt,
  };
}

/** The key as each of its secrets opens it. */
function foundBy({ project, ...row }: Row & { readonly project: { readonly archivedAt: Date | null } }): FoundByHash[] {
  const key = apiKeyOf(row);
  const current = { ...key, revokedAt: key.revokedAt ?? project.archivedAt };
  const previous = { ...current, expiresAt: earlier(row.expiresAt, row.previousExpiresAt) };
  return [...(row.previousHash ? [{ key: previous, hash: row.previousHash }] : []), { key: current, hash: row.hash }];
}

function nameOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('base64');
}

function changedData({ name, scopes, models, expiresAt, limits }: ApiKeyChanges): Prisma.ApiKeyUpdateInput {
  return {
    ...(name !== undefined && { name }),
    ...(scopes !== undefined && { scopes: [...scopes] }),
    ...(models !== undefined && modelsData(models)),
    ...(expiresAt !== undefined && { expiresAt }),
    ...limits,
  };
}

function modelsData(models: readonly string[] | null): { models: string[]; allModels: boolean } {
  return { models: [...(models ?? [])], allModels: models === null };
}

function earlier(one: Date | null, other: Date | null): Date | null {
  if (!one || !other) return one ?? other;
  return one < other ? one : other;
}

/** What an audit event shows of a key. */
function auditedState(key: ApiKey): JsonValue {
  const { name, hint, scopes, models, limits, expiresAt, revokedAt, previousSecretExpiresAt } = key;
  return {
    name,
    hint,
    scopes,
    models,
    limits: shownLimits(limits),
    expiresAt: timestamp(expiresAt),
    revokedAt: timestamp(revokedAt),
    previousSecretExpiresAt: timestamp(previousSecretExpiresAt),
  };
}
