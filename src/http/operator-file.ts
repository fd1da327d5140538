import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** `<data dir>/server.json`: how the operator's command line on this machine finds and enters the running server. */
export async function writeOperatorFile(
  dataDirectory: string,
  content: { readonly url: string; readonly operatorToken: string },
): Promise<AsyncDisposable> {
  const path = join(dataDirectory, 'server.json');
  await rm(path, { force: true });
  await writeFile(path, `${JSON.stringify({ pid: process.pid, ...content })}\n`, { mode: 0o600, flag: 'wx' });
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}
