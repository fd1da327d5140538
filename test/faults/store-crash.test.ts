import { type ChildProcess, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import type { CompletionId } from '../../src/contracts/ids.ts';
import { StoreUnavailableError } from '../../src/contracts/stores/store.ts';
import { DirectoryInUseError } from '../../src/store/directory-lock.ts';
import { asUnavailable } from '../../src/store/failures.ts';
import { openStore } from '../../src/store/open.ts';
import { silentLog, temporaryDataDirectory } from '../kit/database.ts';
import { openTestStore } from '../kit/store.ts';
import { waitFor } from '../kit/wait-for.ts';

test('SIGKILL under load loses no row that was acknowledged, and the dead process’s lock is taken over', async () => {
  await using directory = await temporaryDataDirectory();
  await using writer = startWriter(directory.path);
  const acknowledged: CompletionId[] = [];
  for await (const line of writer.lines) {
    if (!line.startsWith('ready')) acknowledged.push(line as CompletionId);
    if (acknowledged.length === 300) writer.process.kill('SIGKILL');
  }
  await using store = await openStore({ dataDirectory: directory.path, log: silentLog });
  const found = await store.completions.find(acknowledged);
  expect(acknowledged.length).toBeGreaterThanOrEqual(300);
  expect(new Set(found.map(({ id }) => id))).toEqual(new Set(acknowledged));
});

test('a second process is refused the directory, told whose it is, and harms nothing', async () => {
  await using directory = await temporaryDataDirectory();
  await using writer = startWriter(directory.path);
  const [ready] = (await once(writer.lines, 'line')) as [string];
  const refusal = await openStore({ dataDirectory: directory.path, log: silentLog }).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(DirectoryInUseError);
  expect((refusal as Error).message).toMatch(
    new RegExp(`^data directory .* is in use by process ${ready.replace('ready ', '')}$`),
  );
  // The first goes on.
  await once(writer.lines, 'line');
});

test('of many that open one directory at the same moment, at most one has it', async () => {
  await using directory = await temporaryDataDirectory();
  const outcomes = await Promise.allSettled(
    Array.from({ length: 4 }, () => openStore({ dataDirectory: directory.path, log: silentLog })),
  );
  const opened = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  for (const store of opened) await store[Symbol.asyncDispose]();
  expect(opened.length).toBeLessThanOrEqual(1);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(DirectoryInUseError);
  }
  await using after = await openStore({ dataDirectory: directory.path, log: silentLog });
  await after.ping();
});

test('an embedded database that breaks down is unavailable until it serves again, and has lost nothing', async () => {
  await using directory = await temporaryDataDirectory();
  const threads = on(process, 'worker') as AsyncIterableIterator<[Worker]>;
  await using opened = await openTestStore({ dataDirectory: directory.path });
  const { store, database } = opened;
  for (let round = 0; round < 2; round++) {
    const { id } = await opened.newKey();
    const {
      value: [thread],
    } = await threads.next();
    const underWay = database.pool.query('SELECT pg_sleep(5)').then(
      () => undefined,
      (error: unknown) => asUnavailable(error, 'it'),
    );
    await thread.terminate();
    expect(await underWay).toBeInstanceOf(StoreUnavailableError);
    await expect(store.ping()).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.projects.ensureDefault()).rejects.toBeInstanceOf(StoreUnavailableError);
    const found = await waitFor('it to serve again', () => store.apiKeys.find([id]).catch(() => undefined));
    expect(found).toMatchObject([{ id }]);
    await opened.newKey();
  }
});

test('an embedded database that broke down and is closed at once lets go of its directory', async () => {
  await using directory = await temporaryDataDirectory();
  const [[thread], opened] = await Promise.all([
    once(process, 'worker') as Promise<[Worker]>,
    openTestStore({ dataDirectory: directory.path }),
  ]);
  await thread.terminate();
  await opened[Symbol.asyncDispose]();
  await using again = await openTestStore({ dataDirectory: directory.path });
  await again.store.ping();
});

interface Writer extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly lines: ReturnType<typeof createInterface>;
}

function startWriter(dataDirectory: string): Writer {
  const script = fileURLToPath(new URL('store-writer.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, dataDirectory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = once(child, 'exit');
  return {
    process: child,
    lines: createInterface({ input: child.stdout! }),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
