import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { resolve } from 'node:path';
import { expect, test, vi } from 'vitest';
import { startApp } from '../kit/app.ts';
import { endless, runChaoticCompletion } from '../kit/chaos.ts';
import { complete } from '../kit/completions.ts';
import { startFaultyNetwork } from '../kit/faulty-network.ts';
import { heldOpen } from '../kit/held-open.ts';
import { modelConfig, openInference, starterModel } from '../kit/models.ts';
import { pooledModel } from '../kit/pool.ts';
import { createRandom } from '../kit/random.ts';
import { waitFor } from '../kit/wait-for.ts';

vi.mock(import('../../src/lib/pull-iterator.ts'), async (original) => {
  const { countIterators } = await import('../kit/held-open.ts');
  return countIterators(await original());
});
vi.mock(import('../../src/domain/access/principal-watch.ts'), async (original) => {
  const { countWatches } = await import('../kit/held-open.ts');
  return countWatches(await original());
});

const completions = 20;
const sequences = 4;

test('readers over a network that cuts, resets, stalls and halves connections all get the same bytes, and leave nothing behind', async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = createRandom(seed);
  const inference = openInference([modelConfig(starterModel, { contextSize: 512, sequences, threads: 1 })]);
  await using app = await startApp({
    inference,
    config: {
      models: [{ name: 'starter', source: `file:${resolve(starterModel.path)}` }],
      streams: { pingSeconds: 0.5, stallSeconds: 2, graceSeconds: 5 },
    },
  });
  const { secret } = await app.newClient({ limits: { concurrentCompletions: 100 } });
  const port = Number(new URL(app.url).port);
  const sockets = new Set<Socket>();
  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    if (socket.localPort !== port) return;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  subscribe('net.server.socket', onSocket);
  await complete(app.admin, { model: 'starter', prompt: 'Hello', maxTokens: 1 }); // Loads it.
  const logitBias = await endless(app.url, secret, 'starter');
  const input = { model: 'starter', maxTokens: 60, logitBias };
  const openBefore = heldOpen();
  const timersBefore = countOf('Timeout');

  await using network = await startFaultyNetwork({ target: new URL(app.url), random, faultMilliseconds: 800 });
  const outcomes = await Promise.all(
    Array.from({ length: completions }, () =>
      runChaoticCompletion({
        url: app.url,
        faultyUrl: network.address,
        secret,
        input,
        silenceMilliseconds: 3_000,
        random,
        signal: AbortSignal.timeout(100_000),
      }),
    ),
  ).catch((error) => {
    throw new Error(`with the seed ${seed}: ${error.message}`, { cause: error });
  });
  expect(outcomes.reduce((sum, { characters }) => sum + characters, 0)).toBeGreaterThan(completions * 60);
  const { none: _, ...broken } = network.happened;
  expect(Object.values(broken).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(completions / 2);

  // Half-open connections, whose clients are long gone, are found by ping; kept-alive ones of HTTP clients are idle.
  await waitFor('every stream to be closed', () => sockets.size === 0, 30_000);
  await waitFor('no reader and no subscription to be left', () => {
    const { iterators, watches } = heldOpen();
    return iterators === openBefore.iterators && watches === openBefore.watches;
  });
  const { waiting, replicas } = await pooledModel(app.admin, 'starter');
  expect({ waiting, slotsBusy: replicas.map(({ slotsBusy }) => slotsBusy) }).toEqual({ waiting: 0, slotsBusy: [0] });
  // All but the one that the runner holds for whatever comes next.
  const slots = await Promise.all(
    Array.from({ length: sequences - 1 }, () => inference.acquireSlot('starter', AbortSignal.timeout(5_000))),
  );
  for (const slot of slots) slot[Symbol.dispose]();
  const { completions: unfinished } = await app.admin.execute<{ completions: { edges: unknown[] } }>(
    '{ completions(first: 1, filter: { status: [QUEUED, RUNNING] }) { edges { cursor } } }',
  );
  expect(unfinished.edges).toEqual([]);
  await waitFor('no timers to be left', () => countOf('Timeout') <= timersBefore, 10_000);
  unsubscribe('net.server.socket', onSocket);
});

function countOf(resource: string): number {
  return process.getActiveResourcesInfo().filter((name) => name === resource).length;
}
