import { randomUUID } from 'node:crypto';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Another live process has the directory. */
export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError';

  constructor(
    readonly directory: string,
    readonly pid: number,
  ) {
    super(`data directory ${directory} is in use by process ${pid}`);
  }
}

const flagName = /^owner-(\d+)-[0-9a-f]+\.flag$/;
const attempts = 4;

/**
 * Holds a directory for this process alone.
 *
 * Everyone who wants it first raises a flag of its own in the directory, then looks for those of others, and yields to any whose
 * owner lives. Raising before looking means that of two, at least one sees the other: never do both go on. Two that start in the
 * same instant may both yield, so each tries a few times after a random pause.
 *
 * A flag names a socket that its owner listens on. Whether that answers is the kernel's own word on whether the owner lives: it
 * holds across a SIGKILL, a reused pid and containers with pids of their own. Flags of the dead are removed.
 */
export async function lockDirectory(directory: string, socketFolder: string): Promise<AsyncDisposable> {
  for (let attempt = 1; ; attempt++) {
    const lock = await raiseFlag(directory, socketFolder);
    try {
      const pid = await otherOwner(directory, lock.flag);
      if (pid === undefined) return lock;
      if (attempt === attempts) throw new DirectoryInUseError(directory, pid);
    } catch (error) {
      await lock[Symbol.asyncDispose]();
      throw error;
    }
    await lock[Symbol.asyncDispose]();
    await sleep(20 + Math.random() * 80);
  }
}

async function raiseFlag(directory: string, socketFolder: string): Promise<AsyncDisposable & { flag: string }> {
  const token = randomUUID().slice(0, 8);
  const flag = `owner-${process.pid}-${token}.flag`;
  const socket = path.join(socketFolder, `o${process.pid}-${token}`);
  const server = createServer((peer) => peer.destroy());
  await listen(server, socket);
  server.unref();
  // Never seen half written: an unreadable flag would pass for a dead owner's.
  const draft = path.join(directory, `${flag}.new`);
  await writeFile(draft, socket, { mode: 0o600 });
  await rename(draft, path.join(directory, flag));
  return {
    flag,
    async [Symbol.asyncDispose]() {
      await rm(path.join(directory, flag), { force: true });
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function otherOwner(directory: string, ownFlag: string): Promise<number | undefined> {
  for (const name of await readdir(directory)) {
    const pid = flagName.exec(name)?.[1];
    if (pid === undefined || name === ownFlag) continue;
    const flag = path.join(directory, name);
    const socket = await readFile(flag, 'utf8').catch(() => undefined);
    if (socket === undefined) continue;
    if (await answers(socket)) return Number(pid);
    await rm(flag, { force: true });
    await rm(socket, { force: true });
  }
  return undefined;
}

function listen(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const peer = connect(socket);
    peer.once('connect', () => {
      peer.destroy();
      resolve(true);
    });
    peer.once('error', (error: NodeJS.ErrnoException) => {
      // A full backlog is a living owner.
      resolve(error.code === 'EAGAIN');
    });
  });
}
