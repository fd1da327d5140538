import { expect, test } from 'vitest';
import { startApp } from '../../kit/app.ts';
import type { Client } from '../../kit/client.ts';
import { allEvents, create } from '../../kit/completions.ts';
import { modelConfig, openInference, starterModel } from '../../kit/models.ts';
import { pooledModel } from '../../kit/pool.ts';
import { waitFor } from '../../kit/wait-for.ts';

const queueRequests = 4;

test('a key that floods the line is refused alone: another key gets in, and waits for one of its jobs at most', async () => {
  const inference = openInference([modelConfig(starterModel, { sequences: 1, gpuLayers: 0 })], {
    timing: { hangSeconds: 60 },
  });
  await inference.preload();
  await using app = await startApp({ inference, config: { limits: { queueRequests } } });
  const [flood, other] = [await app.newClient(), await app.newClient()];
  const ask = (client: Client) =>
    create(client, { model: 'starter', prompt: 'Once upon a time', maxTokens: 20, mode: 'BACKGROUND' });

  const [engine] = inference.processIds().engines;
  process.kill(engine!, 'SIGSTOP');
  try {
    expect(await ask(flood)).toHaveProperty('completion');
    await waitFor('the first to be with the engine', async () => {
      const { replicas } = await pooledModel(app.admin, 'starter');
      return replicas[0]!.slotsBusy === 1;
    });
    for (let waiting = 0; waiting < queueRequests; waiting += 1) expect(await ask(flood)).toHaveProperty('completion');
    expect(await ask(flood)).toMatchObject({ __typename: 'OverloadedError', code: 'OVERLOADED' });

    const { completion } = await ask(other);
    expect(completion?.status).toBe('QUEUED');
    expect(await ask(flood)).toMatchObject({ code: 'OVERLOADED' });
    const seen = allEvents(other, { id: completion!.id });
    process.kill(engine!, 'SIGCONT');
    const events = await seen;
    // What ran while nobody waited is forgiven: the first that waits was there before.
    expect(events[0]).toMatchObject({ __typename: 'CompletionQueued', position: 1 });
    expect(events.at(-1)).toMatchObject({ __typename: 'CompletionFinished' });
  } finally {
    process.kill(engine!, 'SIGCONT');
  }
});
