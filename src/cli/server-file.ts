import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** The server that has a data directory, and the token by which the operator of this machine acts on it. */
export interface RunningServerFile {
  readonly pid: number;
  readonly url: string;
  readonly operatorToken: string;
}

const schema = z.object({ pid: z.int().min(1), url: z.url(), operatorToken: z.string().min(1) });

/**
 * The running server of the data directory; undefined where there is none. A file whose process is dead, or where nothing listens, was
 * left by a server that could not clean up.
 */
export async function findRunningServer(dataDirectory: string): Promise<RunningServerFile | undefined> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(join(dataDirectory, 'server.json'), 'utf8'));
  } catch {
    return undefined;
  }
  const parsed = schema.safeParse(content);
  if (!parsed.success || !isAlive(parsed.data.pid) || !(await listens(parsed.data.url))) return undefined;
  return parsed.data;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Only a refused connection says no: a slow server is a server. */
async function listens(url: string): Promise<boolean> {
  try {
    await fetch(new URL('/healthz', url), { signal: AbortSignal.timeout(5_000) });
    return true;
  } catch (error) {
    const code = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code;
    return code !== 'ECONNREFUSED';
  }
}
