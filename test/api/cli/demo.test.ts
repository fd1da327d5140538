import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryDataDirectory } from '../../kit/database.ts';
import { starterModel } from '../../kit/models.ts';
import { startSluice } from './sluice-process.ts';

const timeout = 180_000;
const entry = 'test/api/cli/run-demo.ts';
const hasModel = existsSync(starterModel.path);
if (!hasModel) console.warn(`${starterModel.path} is not there: the tests of the demo are skipped`);

/** A port that somebody else listens on. */
async function takePort(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

test.skipIf(!hasModel)(
  'the demo streams an article and shows its usage record, also where the port is taken',
  { timeout },
  async () => {
    await using directory = await temporaryDataDirectory();
    await using taken = await takePort();
    const environment = { SLUICE_DATA_DIR: directory.path, SLUICE_PORT: String(taken.port) };
    await using demo = startSluice(['--once'], environment, entry);
    expect(await demo.ended(), demo.stderr()).toBe(0);
    const [adminKey, article, record] = demo.stdout().split(/\n\n> .*\n\n|\n\nUsage record /u);
    expect(adminKey).toMatch(/^slc_\w+$/u);
    expect(article!.length).toBeGreaterThan(40);
    expect(record).toMatch(/completion tokens +[1-9]/u);
    expect(record).toMatch(/time to first token +\d+\.\d+ s/u);
    expect(record).toMatch(/speed +\d+\.\d+ tokens\/s/u);
  },
);

test.skipIf(!hasModel)(
  'the demo stays up with a curl line that works as it is, until it is told to stop',
  { timeout },
  async () => {
    await using directory = await temporaryDataDirectory();
    await using demo = startSluice([], { SLUICE_DATA_DIR: directory.path, SLUICE_PORT: '0' }, entry);
    await demo.prints('until Ctrl-C');
    const curl = /^curl [\s\S]*?\n\n/mu.exec(demo.stdout())![0];
    const { stdout } = await promisify(execFile)('sh', ['-c', curl]);
    expect(JSON.parse(stdout).data.createCompletion.completion.usage.completionTokens).toBeGreaterThan(0);
    demo.child.kill('SIGINT');
    expect(await demo.ended()).toBe(0);
  },
);
