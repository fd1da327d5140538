import { createHmac } from 'node:crypto';
import { DomainError } from '../../contracts/errors.ts';
import type { ServerSecrets } from '../../contracts/server-secrets.ts';
import type { InstanceStore } from '../../contracts/stores/store.ts';
import { auditEntry } from '../audit/audit.ts';

/** A node with another secret would know no key, and its keys nobody else: it must not start. One that follows on the database's secret may. */
export async function requireKnownSecret(instance: InstanceStore, secrets: ServerSecrets): Promise<void> {
  const current = fingerprintOf(secrets.current);
  if (await instance.matchSecretFingerprint(current)) return;
  if (secrets.previous !== undefined) {
    const audit = auditEntry(null, 'secret.rotate', new Date());
    await instance.replaceSecretFingerprint(fingerprintOf(secrets.previous), current, audit);
    if (await instance.matchSecretFingerprint(current)) return;
  }
  throw new DomainError(
    'INVALID_INPUT',
    'SLUICE_SECRET differs from the one that this database was set up with: no API key would be recognised. Use the same secret on every node; to replace it, give the one before as SLUICE_PREVIOUS_SECRET.',
  );
}

function fingerprintOf(serverSecret: string): string {
  return createHmac('sha256', serverSecret).update('sluice secret fingerprint').digest('hex').slice(0, 16);
}
