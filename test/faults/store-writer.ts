import { openStore } from '../../src/store/open.ts';
import { silentLog } from '../kit/database.ts';
import { admissionOf, admitted, auditOf, keyOf } from '../kit/store.ts';

// A process of its own for store-crash.test.ts: writes as fast as it can and names each row once it was told that it is stored.
const store = await openStore({ dataDirectory: process.argv[2]!, log: silentLog });
const project = await store.projects.ensureDefault();
const key = await store.apiKeys.create(keyOf(project.id), auditOf('api-key.create'));
process.stdout.write(`ready ${process.pid}\n`);

async function write(): Promise<never> {
  for (;;) {
    const { id } = await admitted(store, admissionOf(key));
    process.stdout.write(`${id}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, write));
