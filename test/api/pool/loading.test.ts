import { describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../kit/app.ts';
import type { Client } from '../../kit/client.ts';
import { allEvents, cancel, complete, find } from '../../kit/completions.ts';
import { endlessBias } from '../../kit/endless.ts';
import { starterEntry as starter } from '../../kit/models.ts';
import { pooledModel, watchPool } from '../../kit/pool.ts';
import { waitFor } from '../../kit/wait-for.ts';

interface Outcome {
  readonly __typename: string;
  readonly code?: string;
  readonly message?: string;
  readonly model?: { readonly name: string; readonly status: string };
}

async function order(app: TestApp, mutation: 'loadModel' | 'unloadModel', model: string): Promise<Outcome> {
  const payload = mutation === 'loadModel' ? 'LoadModelPayload' : 'UnloadModelPayload';
  const type = mutation === 'loadModel' ? 'LoadModelInput' : 'UnloadModelInput';
  const answer = await app.admin.execute<Record<string, Outcome>>(
    `mutation ($input: ${type}!) { ${mutation}(input: $input) {
      __typename ... on ${payload} { model { name status } } ... on UserError { code message } } }`,
    { input: { model } },
  );
  return answer[mutation]!;
}

async function audited(app: TestApp) {
  const { auditEvents } = await app.admin.execute<{
    auditEvents: { edges: { node: { action: string; targetId: string; before: object; after: object } }[] };
  }>('{ auditEvents(first: 20) { edges { node { action targetId before after } } } }');
  return auditEvents.edges.map(({ node }) => node).filter(({ action }) => action.startsWith('MODEL_'));
}

describe('a model that is loaded on demand', () => {
  test('is ready unloaded, loads with the first request, and leaves and comes back by order', async () => {
    await using app = await startApp({ config: { models: [{ ...starter, load: 'demand' }] } });
    expect((await fetch(`${app.url}/readyz`)).status).toBe(200);
    expect(await pooledModel(app.admin, 'starter')).toMatchObject({ status: 'UNLOADED', reservedBytes: '0' });
    const client = await app.newClient();
    expect(await complete(client, { model: 'default', prompt: 'Hello', maxTokens: 3 })).toMatchObject({
      status: 'SUCCEEDED',
    });
    const loaded = await pooledModel(app.admin, 'starter');
    expect(loaded.status).toBe('LOADED');
    expect(Number(loaded.reservedBytes)).toBeGreaterThan(3_000_000);

    expect(await order(app, 'unloadModel', 'default')).toMatchObject({
      model: { name: 'starter', status: 'UNLOADED' },
    });
    expect(await order(app, 'unloadModel', 'starter')).toMatchObject({ model: { status: 'UNLOADED' } });
    expect((await fetch(`${app.url}/readyz`)).status).toBe(200);
    expect(await order(app, 'loadModel', 'starter')).toMatchObject({ model: { status: 'LOADED' } });
    expect(await order(app, 'loadModel', 'default')).toMatchObject({ model: { status: 'LOADED' } });
    expect(await order(app, 'loadModel', 'nothing')).toMatchObject({ __typename: 'ModelNotFoundError' });
    expect(await order(app, 'unloadModel', 'nothing')).toMatchObject({ __typename: 'ModelNotFoundError' });
    expect(await audited(app)).toEqual([
      { action: 'MODEL_LOAD', targetId: 'starter', before: { status: 'UNLOADED' }, after: { status: 'LOADING' } },
      { action: 'MODEL_UNLOAD', targetId: 'starter', before: { status: 'LOADED' }, after: { status: 'UNLOADING' } },
    ]);
  });

  test('is never unloaded under what runs on it; a request that comes meanwhile waits, queued, and loads it again', async () => {
    await using app = await startApp({ config: { models: [starter] } });
    const client = await app.newClient();
    const running = await startLong(client, 1500);
    await using events = watchPool(app.admin);
    const unloading = order(app, 'unloadModel', 'starter');
    await events.until(({ model }) => model.status === 'UNLOADING');
    const late = complete(client, { model: 'starter', prompt: 'Hello', maxTokens: 2 });
    expect(await unloading).toMatchObject({ __typename: 'UnloadModelPayload' });
    expect(await statusOf(client, running.id)).toBe('SUCCEEDED');
    expect(await late).toMatchObject({ status: 'SUCCEEDED' });
    expect((await pooledModel(app.admin, 'starter')).status).toBe('LOADED');
  });

  test('a request that waits for the loading is QUEUED, and its cancellation acts at once', async () => {
    await using app = await startApp({ config: { models: [{ ...starter, contextSize: 16_384 }] } });
    const client = await app.newClient();
    // What runs holds the model while it is to leave: what comes then waits for it to be loaded again.
    const running = await startLong(client, 16_000);
    await using events = watchPool(app.admin);
    const unloading = order(app, 'unloadModel', 'starter');
    await events.until(({ model }) => model.status === 'UNLOADING');
    const waiting = await complete(client, { model: 'starter', prompt: 'Hello', mode: 'BACKGROUND' });
    expect(await statusOf(client, waiting.id)).toBe('QUEUED');
    await cancel(client, waiting.id);
    const told = await allEvents(client, { id: waiting.id });
    expect(told.map(({ __typename }) => __typename)).not.toContain('CompletionStarted');
    expect(told.at(-1)).toMatchObject({
      __typename: 'CompletionCancelled',
      completion: { status: 'CANCELLED', usage: { promptTokens: 0, completionTokens: 0 } },
    });
    expect(await statusOf(client, running.id)).toBe('RUNNING');
    await cancel(client, running.id);
    expect(await unloading).toMatchObject({ model: { status: 'UNLOADED' } });
  });

  test('leaves when nobody has used it for its keep-alive', async () => {
    await using app = await startApp({ config: { models: [{ ...starter, keepAliveSeconds: 0.2 }] } });
    const client = await app.newClient();
    await using events = watchPool(app.admin);
    await complete(client, { model: 'starter', prompt: 'Hello', maxTokens: 2 });
    await events.until(({ model }) => model.status === 'UNLOADED' && model.replicas[0]!.state === 'UNLOADED');
    expect(await complete(client, { model: 'starter', prompt: 'Hello', maxTokens: 2 })).toMatchObject({
      status: 'SUCCEEDED',
    });
  });
});

test('a model that fits in no memory is refused with what it needs, and the others answer', async () => {
  const config = {
    models: [
      { ...starter, aliases: [] },
      { ...starter, name: 'large', aliases: [], contextSize: 200_000, sequences: 8 },
    ],
    limits: { modelMemoryBytes: 1_000_000_000 },
  };
  await using app = await startApp({ config });
  const client = await app.newClient();
  expect(await order(app, 'loadModel', 'large')).toMatchObject({
    __typename: 'ModelUnavailableError',
    message: expect.stringMatching(/large needs \d.* MiB|GiB/u),
  });
  expect(await pooledModel(app.admin, 'large')).toMatchObject({
    status: 'FAILED',
    error: expect.stringContaining('large needs'),
  });
  expect(await complete(client, { model: 'starter', prompt: 'Hello', maxTokens: 2 })).toMatchObject({
    status: 'SUCCEEDED',
  });
  expect(await complete(client, { model: 'large', prompt: 'Hello', maxTokens: 2 })).toMatchObject({
    status: 'FAILED',
    error: { code: 'MODEL_UNAVAILABLE' },
  });
});

async function statusOf(client: Client, id: string): Promise<string> {
  return (await find(client, id))!.status;
}

/** Runs until it is cancelled, or used its tokens up. */
async function startLong(client: Client, maxTokens: number) {
  const prompt = 'Once upon a time';
  const logitBias = await endlessBias(client);
  const long = await complete(client, { model: 'starter', prompt, maxTokens, mode: 'BACKGROUND', logitBias });
  await waitFor('it to run', async () => (await statusOf(client, long.id)) === 'RUNNING');
  return long;
}
