import type { InstanceStore } from '../contracts/stores/store.ts';
import type { PrismaClient } from './generated/client.ts';

const name = 'secret-fingerprint';

export function createInstance(prisma: PrismaClient): InstanceStore {
  return {
    async matchSecretFingerprint(fingerprint) {
      await prisma.instanceFact.createMany({ data: { name, value: fingerprint }, skipDuplicates: true });
      const kept = await prisma.instanceFact.findUniqueOrThrow({ where: { name } });
      return kept.value === fingerprint;
    },

    async replaceSecretFingerprint(from, to) {
      await prisma.instanceFact.updateMany({ where: { name, value: from }, data: { value: to } });
    },
  };
}
