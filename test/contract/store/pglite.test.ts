import { describe } from 'vitest';
import { temporaryDataDirectory } from '../../kit/database.ts';
import { openTestStore } from '../../kit/store.ts';
import { storeContract } from './suite.ts';

describe('the store on PGlite', () => {
  storeContract({
    shared: false,
    async open() {
      const directory = await temporaryDataDirectory();
      const opened = await openTestStore({ dataDirectory: directory.path });
      return {
        ...opened,
        async [Symbol.asyncDispose]() {
          await opened[Symbol.asyncDispose]();
          await directory[Symbol.asyncDispose]();
        },
      };
    },
  });
});
