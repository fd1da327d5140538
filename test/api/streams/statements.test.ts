import { expect, test } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp } from '../../kit/app.ts';
import { complete, type EventView, events } from '../../kit/completions.ts';
import { recordStatements } from '../../kit/statements.ts';
import { waitFor } from '../../kit/wait-for.ts';

const readers = 8;

test('readers get the completion with its end without asking the database for it, each of them', async () => {
  const inference = createScriptedInference();
  await using app = await startApp({ inference });
  const client = await app.newClient();
  inference.hold();
  const { id } = await complete(client, { model: 'scripted', prompt: 'alpha beta gamma', mode: 'STREAM' });
  let attached = 0;
  async function lastEvent(): Promise<EventView | undefined> {
    let last: EventView | undefined;
    for await (const event of events(client, { id })) {
      if (!last) attached++;
      last = event;
    }
    return last;
  }
  using recorded = recordStatements();
  const reads = Array.from({ length: readers }, lastEvent);
  await waitFor('all readers to be attached', () => attached === readers);
  inference.release();
  for (const end of await Promise.all(reads)) {
    expect(end).toMatchObject({
      __typename: 'CompletionFinished',
      completion: { id, status: 'SUCCEEDED', choices: [{ text: 'alpha beta gamma' }] },
    });
  }
  expect(recorded.statements.filter(({ text }) => text.includes('"completions"."choices"'))).toEqual([]);
});
