import { describe } from 'vitest';
import { type StartAppOptions, startApp, type TestApp } from './app.ts';
import { temporaryDatabase, whyNoPostgres } from './database.ts';

/** An empty database of the test's own. */
export interface TestDatabase extends AsyncDisposable {
  /** What DATABASE_URL says; undefined for the embedded one, in the data directory. */
  readonly url: string | undefined;
}

export type StartApp = (options?: StartAppOptions) => Promise<TestApp>;

const noPostgres = await whyNoPostgres();
const openEmbedded = async (): Promise<TestDatabase> => ({ url: undefined, async [Symbol.asyncDispose]() {} });

/** The same tests once for each database that a server may stand on. Where PostgreSQL does not answer, its half is skipped, and that is said. */
export function describeOnEveryDatabase(name: string, tests: (open: () => Promise<TestDatabase>) => void): void {
  describe(`${name} on PGlite`, () => tests(openEmbedded));
  describe.skipIf(noPostgres)(`${name} on PostgreSQL`, () => tests(temporaryDatabase));
}

/** The same with a server on it, in the test's own process. */
export function describeOnEveryStore(name: string, tests: (startApp: StartApp) => void): void {
  describeOnEveryDatabase(name, (open) => tests((options) => startAppOn(open, options)));
}

async function startAppOn(
  open: () => Promise<TestDatabase>,
  { environment, ...options }: StartAppOptions = {},
): Promise<TestApp> {
  const database = await open();
  const address = database.url === undefined ? {} : { DATABASE_URL: database.url };
  const app = await startApp({ ...options, environment: { ...environment, ...address } });
  return {
    ...app,
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}
