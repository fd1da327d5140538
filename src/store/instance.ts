import type pg from 'pg';
import type { InstanceStore } from '../contracts/stores/store.ts';
import { advisoryLocks, underLock } from './advisory-locks.ts';
import { auditRow } from './audit.ts';
import type { PrismaClient } from './generated/client.ts';

const name = 'secret-fingerprint';

export interface InstanceStoreOptions {
  readonly pool: pg.Pool;
  /** Whether others may be at the same database; the embedded one has a single connection, and one process. */
  readonly shared: boolean;
}

export function createInstance(prisma: PrismaClient, { pool, shared }: InstanceStoreOptions): InstanceStore {
  let last: Promise<unknown> = Promise.resolve();

  return {
    oneAtATime(work) {
      if (shared) return underLock(pool, advisoryLocks.setup, work);
      const next = last.then(work, work);
      last = next;
      return next;
    },

    async matchSecretFingerprint(fingerprint) {
      await prisma.instanceFact.createMany({ data: { name, value: fingerprint }, skipDuplicates: true });
      const kept = await prisma.instanceFact.findUniqueOrThrow({ where: { name } });
      return kept.value === fingerprint;
    },

    async replaceSecretFingerprint(from, to, audit) {
      await prisma.$transaction(async (transaction) => {
        const { count } = await transaction.instanceFact.updateMany({
          where: { name, value: from },
          data: { value: to },
        });
        if (count === 0) return;
        const change = { before: { fingerprint: from }, after: { fingerprint: to } };
        const event = { ...audit, targetId: 'secret', projectId: null, ...change };
        await transaction.auditEvent.create({ data: auditRow(event) });
      });
    },
  };
}
