import { createHmac, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '../../contracts/errors.ts';
import type { InstanceStore } from '../../contracts/stores/store.ts';

/** The secret that key hashes depend on: the configured one, or one that is made once and kept in the data directory. */
export async function loadServerSecret(configured: string | undefined, dataDirectory: string): Promise<string> {
  if (configured !== undefined) return configured;
  const path = join(dataDirectory, 'secret');
  try {
    await writeFile(path, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return (await readFile(path, 'utf8')).trim();
}

/** A node with another secret would know no key, and its keys nobody else: it must not start. */
export async function requireSameSecret(instance: InstanceStore, serverSecret: string): Promise<void> {
  const fingerprint = createHmac('sha256', serverSecret).update('sluice secret fingerprint').digest('hex').slice(0, 16);
  if (await instance.matchSecretFingerprint(fingerprint)) return;
  throw new DomainError(
    'INVALID_INPUT',
    'SLUICE_SECRET differs from the one that this database was set up with: no API key would be recognised. Use the same secret on every node.',
  );
}
