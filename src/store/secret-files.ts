import { randomBytes, randomUUID } from 'node:crypto';
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DomainError } from '../contracts/errors.ts';
import { type ServerSecrets, shortestSecret } from '../contracts/server-secrets.ts';

export interface ConfiguredSecrets {
  readonly secret: string | undefined;
  readonly previousSecret: string | undefined;
  readonly dataDirectory: string;
}

/**
 * The configured secrets, or those that are kept in the data directory, where the first is made once. Throws INVALID_INPUT where a file
 * holds less than a secret.
 */
export async function loadServerSecrets({
  secret,
  previousSecret,
  dataDirectory,
}: ConfiguredSecrets): Promise<ServerSecrets> {
  if (secret !== undefined) return { current: secret, previous: previousSecret };
  const files = filesIn(dataDirectory);
  const previous = await readSecret(files.previous);
  const kept = await readSecret(files.current);
  if (kept !== undefined) return { current: kept, previous };
  await writeNew(files.current, newSecret()).catch(unless('EEXIST'));
  return { current: (await readSecret(files.current))!, previous };
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
  const current = await readSecret(files.current);
  if (current === undefined) throw new DomainError('INVALID_INPUT', `There is no secret in ${dataDirectory} yet.`);
  await writeNew(files.previous, current).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    throw new DomainError(
      'INVALID_INPUT',
      `The rotation before is not over. Remove ${files.previous} when every key was used since, and restart.`,
    );
  });
  await replace(files.current, newSecret());
  return { previous: files.previous };
}

function filesIn(dataDirectory: string) {
  const current = join(dataDirectory, 'secret');
  return { current, previous: `${current}.previous` };
}

async function readSecret(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(unless('ENOENT'));
  const secret = text?.trim();
  if (secret === undefined || secret.length >= shortestSecret) return secret;
  throw new DomainError(
    'INVALID_INPUT',
    `${file} holds no secret of at least ${shortestSecret} characters: restore the file from a backup. Without it, no API key of this installation opens.`,
  );
}

/** All of the text or no file: a secret that was cut short would be another one. Fails with EEXIST where there is one. */
async function writeNew(file: string, text: string): Promise<void> {
  await using draft = await writeDraft(file, text);
  await link(draft.path, file);
  await syncFolder(file);
}

async function replace(file: string, text: string): Promise<void> {
  await using draft = await writeDraft(file, text);
  await rename(draft.path, file);
  await syncFolder(file);
}

/** On the disk, beside the file that it is for, until disposed. */
async function writeDraft(file: string, text: string): Promise<AsyncDisposable & { readonly path: string }> {
  const path = `${file}.${randomUUID().slice(0, 8)}.new`;
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

async function syncFolder(file: string): Promise<void> {
  const folder = await open(dirname(file));
  await folder.sync().finally(() => folder.close());
}

const newSecret = () => randomBytes(32).toString('base64url');

function unless(code: string): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (error.code !== code) throw error;
    return undefined;
  };
}
