import { randomBytes } from 'node:crypto';
import { constants, copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '../contracts/errors.ts';
import type { ServerSecrets } from '../contracts/server-secrets.ts';

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

/**
 * Makes another secret for the next start, and keeps the one that was: its file is the result. Throws INVALID_INPUT where the secret
 * is not kept in the data directory, and where an earlier rotation is not over.
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

function unless(code: string): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (error.code !== code) throw error;
    return undefined;
  };
}
