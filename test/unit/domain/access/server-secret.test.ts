import { expect, test } from 'vitest';
import type { AuditEntry } from '../../../../src/contracts/stores/audit.ts';
import type { InstanceStore } from '../../../../src/contracts/stores/store.ts';
import { requireKnownSecret } from '../../../../src/domain/access/server-secret.ts';

function instanceStore() {
  let kept: string | undefined;
  const rotations: { readonly from: string; readonly to: string; readonly audit: AuditEntry }[] = [];
  const instance: InstanceStore = {
    oneAtATime: (work) => work(),
    async matchSecretFingerprint(fingerprint) {
      kept ??= fingerprint;
      return kept === fingerprint;
    },
    async replaceSecretFingerprint(from, to, audit) {
      if (kept !== from) return;
      kept = to;
      rotations.push({ from, to, audit });
    },
  };
  return { instance, rotations, kept: () => kept };
}

const [first, second, third] = ['the first secret', 'the second secret', 'the third secret'] as [
  string,
  string,
  string,
];

test('the first secret is taken, and another one refused', async () => {
  const { instance, rotations } = instanceStore();
  await requireKnownSecret(instance, { current: first, previous: undefined });
  await requireKnownSecret(instance, { current: first, previous: second });
  const refusal = { code: 'INVALID_INPUT', message: expect.stringContaining('SLUICE_SECRET differs') };
  await expect(requireKnownSecret(instance, { current: second, previous: undefined })).rejects.toMatchObject(refusal);
  await expect(requireKnownSecret(instance, { current: second, previous: third })).rejects.toMatchObject(refusal);
  expect(rotations).toEqual([]);
});

test('one that follows on the known secret takes its place, once, as an act of the installation', async () => {
  const { instance, rotations, kept } = instanceStore();
  await requireKnownSecret(instance, { current: first, previous: undefined });
  const from = kept();
  await requireKnownSecret(instance, { current: second, previous: first });
  await requireKnownSecret(instance, { current: second, previous: first });
  const audit = expect.objectContaining({ action: 'secret.rotate', actorApiKeyId: null, at: expect.any(Date) });
  expect(rotations).toEqual([{ from, to: kept(), audit }]);
  expect(JSON.stringify(rotations)).not.toMatch(/first|second/u);
});
