import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file for this process alone, gone when it is disposed. */
export interface ScratchFile extends AsyncDisposable {
  readonly path: string;
}

/** Engines are killed rather than stopped: on Linux the file has no name in any folder, so that nothing of it can be left behind. */
export async function scratchFile(): Promise<ScratchFile> {
  const named = join(tmpdir(), `sluice-${randomUUID()}`);
  const handle = await open(named, 'wx', 0o600);
  if (process.platform === 'linux') {
    await rm(named);
    return { path: `/proc/self/fd/${handle.fd}`, [Symbol.asyncDispose]: () => handle.close() };
  }
  await handle.close();
  return { path: named, [Symbol.asyncDispose]: () => rm(named, { force: true }) };
}
