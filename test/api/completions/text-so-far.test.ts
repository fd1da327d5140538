import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import type { Client } from '../../kit/client.ts';
import { complete, type EventView, events, find, textOf } from '../../kit/completions.ts';
import { waitFor } from '../../kit/wait-for.ts';

const model = 'scripted';

describe('a completion that runs', () => {
  let inference: ScriptedInference;
  let app: TestApp;
  let client: Client;

  beforeAll(async () => {
    inference = createScriptedInference([{ name: model, slots: 2 }]);
    app = await startApp({ inference, config: { streams: { checkpointMilliseconds: 20 } } });
    client = await app.newClient();
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it('is found with the text and the tokens so far of every choice, however often they were stored', async () => {
    inference.hold();
    const prompt = 'alpha beta 🦊 gamma delta epsilon zeta eta';
    const { id } = await complete(client, { model, prompt, mode: 'STREAM', n: 2 });
    const seen: EventView[] = [];
    const reading = (async () => {
      for await (const event of events(client, { id })) seen.push(event);
    })();

    let shown = 0;
    for (let round = 1; round <= 4; round++) {
      inference.allow(2);
      await waitFor('more to be shown', () => textOf(seen, 0).length + textOf(seen, 1).length > shown);
      const found = await waitFor('what is shown to be stored', async () => {
        const completion = await find(client, id);
        const stored = completion!.choices.map(({ text }) => text);
        return stored.join('|') === [0, 1].map((index) => textOf(seen, index)).join('|') && completion!;
      });
      expect(found).toMatchObject({ status: 'RUNNING', error: null });
      expect(found.choices.map(({ index, finishReason }) => [index, finishReason])).toEqual([
        [0, null],
        [1, null],
      ]);
      expect(found.usage.completionTokens).toBeGreaterThan(0);
      shown = found.choices.reduce((length, { text }) => length + text.length, 0);
    }

    inference.release();
    await reading;
    const ended = await find(client, id);
    expect(ended).toMatchObject({ status: 'SUCCEEDED' });
    expect(ended!.choices.map(({ text }) => text)).toEqual([0, 1].map((index) => textOf(seen, index)));
  });
});
