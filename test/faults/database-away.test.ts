import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createScriptedInference, type ScriptedInference } from '../../src/inference/scripted.ts';
import { generateSecret } from '../../src/lib/api-key-secret.ts';
import { startApp, type TestApp } from '../kit/app.ts';
import { type Client, createClient } from '../kit/client.ts';
import { complete, type EventView, events, refusal, textOf } from '../kit/completions.ts';
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
