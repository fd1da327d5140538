import { describe } from 'vitest';
import { temporaryDatabase, whyNoPostgres } from '../../kit/database.ts';
import { openTestStore } from '../../kit/store.ts';
import { storeContract } from './suite.ts';

describe.skipIf(await whyNoPostgres())('the store on PostgreSQL', () => {
  storeContract({
    shared: true,
    async open() {
      const database = await temporaryDatabase();
      const opened = await openTestStore({ databaseUrl: database.url, dataDirectory: 'unused' });
      return {
        ...opened,
        async [Symbol.asyncDispose]() {
          await opened[Symbol.asyncDispose]();
          await database[Symbol.asyncDispose]();
        },
      };
    },
  });
});
