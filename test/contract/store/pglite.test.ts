import { afterAll, beforeAll, describe } from 'vitest';
import { type TemporaryDirectory, temporaryDataDirectory } from '../../kit/database.ts';
import { openTestStore, type TestStore } from '../../kit/store.ts';
import { storeContract } from './suite.ts';

describe('the store on PGlite', () => {
  let directory: TemporaryDirectory;
  let opened: TestStore;

  beforeAll(async () => {
    directory = await temporaryDataDirectory();
    opened = await openTestStore({ dataDirectory: directory.path });
  });
  afterAll(async () => {
    await opened[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  storeContract(() => opened, { shared: false });
});
