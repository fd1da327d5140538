import { describe } from 'vitest';
import { type StartAppOptions, startApp, type TestApp } from './app.ts';
import { temporaryDatabase, whyNoPostgres } from './database.ts';

export type StartApp = (options?: StartAppOptions) => Promise<TestApp>;

const noPostgres = await whyNoPostgres();

/** The same tests once for each database that a server may stand on. Where PostgreSQL does not answer, its half is skipped, and that is said. */
export function describeOnEveryStore(name: string, tests: (startApp: StartApp) => void): void {
  describe(`${name} on PGlite`, () => tests(startApp));
  describe.skipIf(noPostgres)(`${name} on PostgreSQL`, () => tests(startAppOnPostgres));
}

async function startAppOnPostgres({ environment, ...options }: StartAppOptions = {}): Promise<TestApp> {
  const database = await temporaryDatabase();
  const app = await startApp({ ...options, environment: { ...environment, DATABASE_URL: database.url } });
  return {
    ...app,
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}
