import type { InstanceStore } from '../contracts/stores/store.ts';
import { auditRow } from './audit.ts';
import type { PrismaClient } from './generated/client.ts';

const name = 'secret-fingerprint';

export function createInstance(prisma: PrismaClient): InstanceStore {
  return {
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
