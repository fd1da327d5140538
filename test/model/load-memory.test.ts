import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { LocalInference } from '../../src/inference/create-inference.ts';
import { startApp } from '../kit/app.ts';
import type { Client } from '../kit/client.ts';
import { complete, find } from '../kit/completions.ts';
import { endlessBias } from '../kit/endless.ts';
import { modelConfig, modelsAtHand, openInference } from '../kit/models.ts';
import { pooledModel, watchPool } from '../kit/pool.ts';
import { hasPrlimit } from '../kit/prlimit.ts';
import { isReady } from '../kit/server-process.ts';
import { waitFor } from '../kit/wait-for.ts';

const [model] = modelsAtHand();

describe.skipIf(model === undefined || !hasPrlimit())('a model that finds no memory while it is loaded', () => {
  const starter = modelConfig(model!, { aliases: ['default'], contextSize: 2048, sequences: 2, gpuLayers: 0 });
  /** Its cache takes 480 MiB. */
  const tight = modelConfig(model!, {
    name: 'tight',
    contextSize: 16_384,
    sequences: 8,
    gpuLayers: 0,
    load: 'demand',
    cacheType: 'f16',
  });
  const ask = (client: Client, name: string) => complete(client, { model: name, prompt: 'Hello', maxTokens: 2 });

  /** A server whose first model works on something long; what it comes to, in the end. */
  async function startBusy(timing: Parameters<typeof openInference>[1]) {
    const inference = openInference([starter, tight], timing);
    await inference.preload();
    const app = await startApp({ inference });
    const client = await app.newClient();
    const endless = { prompt: 'Once upon a time', maxTokens: 800, logitBias: await endlessBias(client) };
    const bystander = await complete(client, { model: 'starter', mode: 'BACKGROUND', ...endless });
    return {
      inference,
      app,
      client,
      async othersAreWell() {
        expect((await fetch(`${app.url}/healthz`)).status).toBe(200);
        expect(await isReady(app.url)).toBe(true);
        expect(await ask(client, 'starter')).toMatchObject({ status: 'SUCCEEDED' });
        const { replicas } = await pooledModel(app.admin, 'starter');
        expect(replicas).toMatchObject([{ state: 'READY', restarts: 0 }]);
        const ended = await waitFor(
          'the other model’s answer',
          async () => {
            const completion = await find(client, bystander.id);
            return completion?.status !== 'RUNNING' && completion;
          },
          60_000,
        );
        expect(ended).toMatchObject({ status: 'SUCCEEDED', usage: { completionTokens: 800 } });
      },
      [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
    };
  }

  it('fails its requests typed with what is missing, leaves the others alone, and answers once there is memory', async () => {
    await using server = await startBusy({ timing: { reloadSeconds: 0.1 } });
    const { app, client, inference } = server;
    {
      using _limit = limitNewEngines(inference, ['--data=300000000']);
      expect(await ask(client, 'tight')).toMatchObject({
        status: 'FAILED',
        error: {
          __typename: 'ModelUnavailableError',
          message: expect.stringContaining('failed to allocate buffer for kv cache'),
          retryAfterSeconds: expect.any(Number),
        },
        usage: { completionTokens: 0 },
      });
      expect(await pooledModel(app.admin, 'tight')).toMatchObject({
        status: 'FAILED',
        reservedBytes: '0',
        replicas: [{ state: 'FAILED', error: expect.stringContaining('kv cache') }],
      });
    }
    await server.othersAreWell();
    expect(await ask(client, 'tight')).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('is not tried for ever where its engine dies of it: after three deaths its requests are refused at once', async () => {
    const timing = { hangSeconds: 3, restartSeconds: 0.05, pauseSeconds: 5 };
    await using server = await startBusy({ timing });
    const { app, client, inference } = server;
    await using events = watchPool(app.admin);
    {
      using limit = limitNewEngines(inference, ['--as=1000000', '--data=1000000']);
      expect(await ask(client, 'tight')).toMatchObject({
        status: 'FAILED',
        error: {
          __typename: 'ModelUnavailableError',
          message: expect.stringContaining('while it loaded'),
          retryAfterSeconds: expect.any(Number),
        },
      });
      const told = await events.until(({ model: { replicas } }) => replicas[0]!.state === 'CIRCUIT_OPEN');
      const restarts = told.filter(({ type, model: { name } }) => type === 'RESTART' && name === 'tight');
      expect(restarts).toHaveLength(2);
      expect(limit.engines).toBe(3);
      expect(await ask(client, 'tight')).toMatchObject({
        status: 'FAILED',
        error: { __typename: 'ModelUnavailableError', message: expect.stringContaining('crashed 3 times') },
      });
      expect(limit.engines).toBe(3);
      expect(await pooledModel(app.admin, 'tight')).toMatchObject({ status: 'FAILED', reservedBytes: '0' });
    }
    await server.othersAreWell();
    const answer = await waitFor(
      'the model to be tried again',
      async () => {
        const completion = await ask(client, 'tight');
        return completion.status === 'SUCCEEDED' && completion;
      },
      60_000,
    );
    expect(answer.usage.completionTokens).toBeGreaterThan(0);
  });
});

/** Gives every engine that starts from now on so little memory, from its first moments on. */
function limitNewEngines(inference: LocalInference, limits: readonly string[]) {
  const known = new Set(inference.processIds().engines);
  let engines = 0;
  const watch = setInterval(() => {
    for (const pid of inference.processIds().engines) {
      if (known.has(pid)) continue;
      known.add(pid);
      engines += 1;
      execFileSync('prlimit', [`--pid=${pid}`, ...limits]);
    }
  }, 1);
  return {
    get engines() {
      return engines;
    },
    [Symbol.dispose]: () => clearInterval(watch),
  };
}
