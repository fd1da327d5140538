import { expect, test } from 'vitest';
import { createRetention } from '../../../src/domain/completions/retention.ts';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp } from '../../kit/app.ts';
import { cancel, complete, eventsRefusal, find } from '../../kit/completions.ts';
import { silentLog, temporaryDataDirectory } from '../../kit/database.ts';
import { admissionOf, admitted, openTestStore, settlementOf } from '../../kit/store.ts';
import { usageRecords } from '../../kit/usage.ts';
import { waitFor } from '../../kit/wait-for.ts';

const prompt = 'alpha beta';

test('content and metadata go when their time is up, usage and the user tag stay; replays are OFFSET_EXPIRED', async () => {
  const inference = createScriptedInference();
  const retention = { contentDays: 1 / 86_400, logSeconds: 0.2 };
  await using app = await startApp({ inference, config: { retention } });
  const client = await app.newClient({ scopes: ['COMPLETIONS', 'USAGE_READ'] });
  const input = { model: 'scripted', prompt, user: 'ann', metadata: { ticket: 7 } };
  const { id, usage } = await complete(client, input);
  inference.hold();
  const running = await complete(client, { model: 'scripted', prompt, mode: 'BACKGROUND' });

  const pruned = await waitFor('the content to go', async () => {
    const now = await find(client, id);
    return now?.choices.every(({ text }) => text === '') && now;
  });
  expect(pruned).toMatchObject({ status: 'SUCCEEDED', usage, metadata: null, user: 'ann' });
  const records = (await usageRecords(client, { first: 10 })).edges.map(({ node }) => node);
  expect(records).toMatchObject([{ completion: { id }, user: 'ann' }]);
  await waitFor('the log to be let go', async () => {
    try {
      return (await eventsRefusal(client, { id })).code === 'OFFSET_EXPIRED';
    } catch {
      return false;
    }
  });
  // What has not ended keeps its content, however old.
  expect((await cancel(client, running.id)).completion).toMatchObject({ status: 'CANCELLED' });
});

test('idempotency keys are forgotten when their time is up, and free for new work', async () => {
  await using directory = await temporaryDataDirectory();
  await using opened = await openTestStore({ dataDirectory: directory.path });
  const { completions } = opened.store;
  const key = await opened.newKey();
  const at = new Date();
  const again = () => admissionOf(key, { at, idempotencyKey: 'again' });
  const first = await completions.finalise(settlementOf(await admitted(opened.store, again())));
  expect((await completions.admit(again())).type).toBe('existing');
  await using _retention = createRetention({
    completions,
    contentDays: 1,
    idempotencyHours: 0.5 / 3_600,
    logger: silentLog,
  });
  await waitFor('the key to be free', async () => (await completions.admit(again())).type === 'admitted');
  expect((await completions.find([first.id]))[0]).toEqual({ ...first, idempotencyKey: null });
});
