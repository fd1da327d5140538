import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../src/inference/scripted.ts';
import { generateSecret } from '../../src/lib/api-key-secret.ts';
import { startApp, type TestApp } from '../kit/app.ts';
import { type Client, createClient } from '../kit/client.ts';
import { complete, type EventView, events, find, refusal, textOf } from '../kit/completions.ts';
import { type TemporaryDatabase, temporaryDatabase, whyNoPostgres } from '../kit/database.ts';
import { createKey } from '../kit/keys.ts';
import { type DatabaseProxy, startTcpProxyOf } from '../kit/tcp-proxy.ts';
import { usageRecords, viewerLimits } from '../kit/usage.ts';
import { waitFor } from '../kit/wait-for.ts';

const model = 'scripted';
const prompt = 'alpha beta gamma delta';

describe.skipIf(await whyNoPostgres())('while the database is away', () => {
  let database: TemporaryDatabase;
  let proxy: DatabaseProxy;
  let inference: ScriptedInference;
  let app: TestApp;
  let client: Client;

  beforeAll(async () => {
    database = await temporaryDatabase();
    proxy = await startTcpProxyOf(database.url);
    inference = createScriptedInference([{ name: model }]);
    const adminSecret = generateSecret();
    app = await startApp({ inference, environment: { DATABASE_URL: proxy.url, SLUICE_ADMIN_KEY: adminSecret } });
    const input = { name: 'test', scopes: ['COMPLETIONS', 'USAGE_READ'], limits: { tokensPerDay: 1_000 } };
    client = createClient(app.url, (await createKey(app.admin, input)).secret!);
  });
  afterAll(async () => {
    await app?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    await database?.[Symbol.asyncDispose]();
  });

  it('streams go on, new work is refused as retryable, and no usage is lost', async () => {
    inference.hold();
    const { id } = await complete(client, { model, prompt, maxTokens: 20, mode: 'STREAM' });
    const seen: EventView[] = [];
    for await (const event of events(client, { id })) {
      seen.push(event);
      if (event.__typename === 'CompletionStarted') {
        proxy.goAway();
        inference.release();
      }
      if (textOf(seen) !== prompt || proxy.present) continue;
      // The whole text is here; the end is not, as it could not be stored.
      expect(await refusal(client, { model, prompt })).toMatchObject({
        code: 'OVERLOADED',
        retryAfterSeconds: expect.any(Number),
      });
      const readiness = await fetch(`${app.url}/readyz`);
      expect(readiness.status).toBe(503);
      expect(await readiness.json()).toMatchObject({ reason: 'the database does not answer' });
      expect(await listError()).toMatchObject({ extensions: { code: 'OVERLOADED' } });
      await proxy.comeBack();
    }
    expect(seen.at(-1)).toMatchObject({ __typename: 'CompletionFinished', completion: { status: 'SUCCEEDED' } });
    await waitFor('the service to be ready', async () => (await fetch(`${app.url}/readyz`)).ok);
    const { edges } = await usageRecords(client, { first: 10 });
    expect(edges.map(({ node }) => node.completion!.id)).toEqual([id]);
    const { promptTokens, completionTokens } = edges[0]!.node.usage;
    expect((await viewerLimits(client))[0]!.used).toBe(String(promptTokens + completionTokens));
    expect((await complete(client, { model, prompt })).status).toBe('SUCCEEDED');
  });

  async function listError() {
    const { errors } = await client.request('{ completions(first: 1) { edges { cursor } } }');
    return errors?.[0];
  }
});

it.skipIf(await whyNoPostgres())(
  'a stop while the database is away ends, and the next start ends what was left, billed as checkpointed',
  async () => {
    await using database = await temporaryDatabase();
    await using proxy = await startTcpProxyOf(database.url);
    const inference = createScriptedInference([{ name: model, slots: 1 }]);
    const config = { limits: { leaseSeconds: 2 }, streams: { drainSeconds: 0 } };
    const environment = { SLUICE_ADMIN_KEY: generateSecret(), SLUICE_SECRET: 'x'.repeat(32) };
    await using app = await startApp({ inference, config, environment: { ...environment, DATABASE_URL: proxy.url } });
    const { secret } = await createKey(app.admin, { name: 'test', scopes: ['COMPLETIONS', 'USAGE_READ'] });
    const client = createClient(app.url, secret!);
    inference.hold();
    const { id: running } = await complete(client, { model, prompt, maxTokens: 20, mode: 'STREAM' });
    const { id: waiting } = await complete(client, { model, prompt, mode: 'STREAM' });
    inference.allow(2);
    await waitFor('a checkpoint', async () => (await find(client, running))!.choices[0]?.text === 'alpha beta');

    proxy.goAway();
    let isStopped = false;
    void app.server.stop().then(() => {
      isStopped = true;
    });
    try {
      await waitFor('the server to stop', () => isStopped, 30_000);
    } finally {
      await proxy.comeBack();
    }

    await using next = await startApp({
      inference: createScriptedInference([{ name: model }]),
      config,
      environment: { ...environment, DATABASE_URL: database.url },
    });
    const after = createClient(next.url, secret!);
    const ended = await waitFor(
      'both to end',
      async () => {
        const both = [await find(after, running), await find(after, waiting)];
        return both.every((each) => each!.status === 'FAILED') && both;
      },
      30_000,
    );
    const failed = { status: 'FAILED', error: { code: 'INTERRUPTED' } };
    expect(ended).toMatchObject([
      { ...failed, choices: [{ text: 'alpha beta' }], usage: { promptTokens: 4, completionTokens: 2 } },
      { ...failed, usage: { totalTokens: 0 } },
    ]);
  },
);

it.skipIf(await whyNoPostgres())(
  'an admission whose answer is lost is made once, and its request goes on',
  async () => {
    await using database = await temporaryDatabase();
    await using proxy = await startTcpProxyOf(database.url);
    const environment = { DATABASE_URL: proxy.url, SLUICE_ADMIN_KEY: generateSecret() };
    await using app = await startApp({ inference: createScriptedInference([{ name: model }]), environment });
    const scopes = ['COMPLETIONS', 'USAGE_READ'];
    const { secret } = await createKey(app.admin, { name: 'test', scopes, limits: { tokensPerDay: 1_000 } });
    const client = createClient(app.url, secret!);
    proxy.loseAnswerTo('sluice_admit');
    const { id, status } = await complete(client, { model, prompt, maxTokens: 20 });
    expect(status).toBe('SUCCEEDED');
    const { edges } = await usageRecords(client, { first: 10 });
    expect(edges.map(({ node }) => node.completion!.id)).toEqual([id]);
    const { promptTokens, completionTokens } = edges[0]!.node.usage;
    expect((await viewerLimits(client))[0]!.used).toBe(String(promptTokens + completionTokens));
  },
);
