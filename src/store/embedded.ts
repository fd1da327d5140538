import { mkdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '../contracts/logger.ts';
import { lockDirectory } from './directory-lock.ts';
import { runEmbeddedThread } from './embedded-thread.ts';
import { socketFolder } from './socket-folder.ts';

export interface EmbeddedDatabase extends AsyncDisposable {
  /** The folder and port by which PostgreSQL clients name the socket. */
  readonly host: string;
  readonly port: number;
}

/**
 * PGlite over `<data directory>/database`, in a thread of its own so that queries never hold up the event loop. It takes one
 * connection, and is started again where it breaks down. One process has a directory at a time: two would silently lose each other's rows.
 */
export async function openEmbeddedDatabase(dataDirectory: string, log: Logger): Promise<EmbeddedDatabase> {
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const directory = await realpath(dataDirectory);
  const folder = await socketFolder(directory);
  const lock = await lockDirectory(directory, folder);
  try {
    const port = 5432;
    const socket = path.join(folder, `.s.PGSQL.${port}`);
    const thread = await runEmbeddedThread({ databaseDirectory: path.join(directory, 'database'), socket }, log);
    return {
      host: folder,
      port,
      async [Symbol.asyncDispose]() {
        await thread[Symbol.asyncDispose]();
        await lock[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}
