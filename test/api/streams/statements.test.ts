import { expect, test } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp } from '../../kit/app.ts';
import { allEvents, complete } from '../../kit/completions.ts';
import { recordStatements } from '../../kit/statements.ts';

test('readers get the completion with its end without asking the database for it, each of them', async () => {
  await using app = await startApp({ inference: createScriptedInference() });
  const client = await app.newClient();
  const { id } = await complete(client, { model: 'scripted', prompt: 'alpha beta gamma', mode: 'STREAM' });
  using recorded = recordStatements();
  const reads = await Promise.all(Array.from({ length: 8 }, () => allEvents(client, { id })));
  for (const events of reads) {
    expect(events.at(-1)).toMatchObject({
      __typename: 'CompletionFinished',
      completion: { id, status: 'SUCCEEDED', choices: [{ text: 'alpha beta gamma' }] },
    });
  }
  expect(recorded.statements.filter(({ text }) => text.includes('"completions"."choices"'))).toEqual([]);
});
