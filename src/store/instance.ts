import type { InstanceStore } from '../contracts/stores/store.ts';
import type { PrismaClient } from './generated/client.ts';

export function createInstance(prisma: PrismaClient): InstanceStore {
  return {
    async matchSecretFingerprint(fingerprint) {
      const name = 'secret-fingerprint';
      await prisma.instanceFact.createMany({ data: { name, value: fingerprint }, skipDuplicates: true });
      const kept = await prisma.instanceFact.findUniqueOrThrow({ where: { name } });
      return kept.value === fingerprint;
    },
  };
}
