import { afterAll, beforeAll, describe } from 'vitest';
import { type TemporaryDatabase, temporaryDatabase, whyNoPostgres } from '../../kit/database.ts';
import { openTestStore, type TestStore } from '../../kit/store.ts';
import { storeContract } from './suite.ts';

describe.skipIf(await whyNoPostgres())('the store on PostgreSQL', () => {
  let database: TemporaryDatabase;
  let opened: TestStore;

  beforeAll(async () => {
    database = await temporaryDatabase();
    opened = await openTestStore({ databaseUrl: database.url, dataDirectory: 'unused' });
  });
  afterAll(async () => {
    await opened[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  storeContract(() => opened, { shared: true });
});
