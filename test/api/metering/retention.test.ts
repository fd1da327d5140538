import { expect, test } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { cancel, complete, eventsRefusal, find } from '../../kit/completions.ts';
import { describeOnEveryStore } from '../../kit/every-store.ts';
import { usageRecords } from '../../kit/usage.ts';
import { waitFor } from '../../kit/wait-for.ts';

const prompt = 'alpha beta';

describeOnEveryStore('retention', (startApp) => {
  test('takes content and metadata when their time is up, leaves usage and the user tag; replays are OFFSET_EXPIRED', async () => {
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
});
