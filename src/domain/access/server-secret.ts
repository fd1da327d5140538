import { createHmac, randomBytes } from 'node:crypto';
import { constants, copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '../../contracts/errors.ts';
import type { InstanceStore } from '../../contracts/stores/store.ts';
import { auditEntry } from '../audit/audit.ts';

/**
 * What key hashes depend on. During a rotation the previous secret is known, too: keys that are stored under it go on, and are moved to
 * the current one as they are used.
 */
export interface ServerSecrets {
  readonly current: string;
  readonly previous: string | undefined;
}

export interface ConfiguredSecrets {
  readonly secret: string | undefined;
  readonly previousSecret: string | undefined;
  readonly dataDirectory: string;
}

/** The configured secrets, or those that are kept in the data directory, where the first is made once. */
export async function loadServerSecrets({
  secret,
  previousSecret,
  dataDirectory,
}: ConfiguredSecrets): Promise<ServerSecrets> {
  if (secret !== undefined) return { current: secret, previous: previousSecret };
  const files = filesIn(dataDirectory);
  await writeFile(files.current, newSecret(), { mode: 0o600, flag: 'wx' }).catch(unless('EEXIST'));
  const current = await readFile(files.current, 'utf8');
  const previous = await readFile(files.previous, 'utf8').catch(unless('ENOENT'));
  return { current: current.trim(), previous: previous?.trim() };
}

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

/**
 * Makes another secret for the next start, and keeps the one that was. Throws INVALID_INPUT where the secret is not kept in the data
 * directory, and where an earlier rotation is not over.
 */
export async function rotateKeptSecret({ secret, dataDirectory }: ConfiguredSecrets): Promise<{ previous: string }> {
  if (secret !== undefined) {
    throw new DomainError(
      'INVALID_INPUT',
      'The secret is SLUICE_SECRET: give it as SLUICE_PREVIOUS_SECRET, another as SLUICE_SECRET, and restart.',
    );
  }
  const files = filesIn(dataDirectory);
  await copyFile(files.current, files.previous, constants.COPYFILE_EXCL).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new DomainError('INVALID_INPUT', `There is no secret in ${dataDirectory} yet.`);
    if (error.code !== 'EEXIST') throw error;
    throw new DomainError(
      'INVALID_INPUT',
      `The rotation before is not over. Remove ${files.previous} when every key was used since, and restart.`,
    );
  });
  await writeFile(files.next, newSecret(), { mode: 0o600 });
  await rename(files.next, files.current);
  return { previous: files.previous };
}

function filesIn(dataDirectory: string) {
  const current = join(dataDirectory, 'secret');
  return { current, previous: `${current}.previous`, next: `${current}.next` };
}

const newSecret = () => randomBytes(32).toString('base64url');

function fingerprintOf(serverSecret: string): string {
  return createHmac('sha256', serverSecret).update('sluice secret fingerprint').digest('hex').slice(0, 16);
}

function unless(code: string): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (error.code !== code) throw error;
    return undefined;
  };
}
