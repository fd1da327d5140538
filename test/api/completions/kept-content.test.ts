import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CompletionId } from '../../../src/contracts/ids.ts';
import { createScriptedInference, type ScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import type { Client } from '../../kit/client.ts';
import { cancel, complete, find } from '../../kit/completions.ts';
import { type TemporaryDirectory, temporaryDataDirectory } from '../../kit/database.ts';
import { openTestStore } from '../../kit/store.ts';
import { waitFor } from '../../kit/wait-for.ts';

const prompt = 'nobody may keep this';
const input = { model: 'scripted', prompt, store: false };

describe('a completion that is not to be kept', () => {
  let directory: TemporaryDirectory;
  let engine: ScriptedInference;
  let app: TestApp;
  let client: Client;

  beforeAll(async () => {
    directory = await temporaryDataDirectory();
    engine = createScriptedInference();
    app = await startApp({ inference: engine, dataDirectory: directory.path, config: { retention: { logBytes: 0 } } });
    client = await app.newClient();
  });
  afterAll(async () => {
    await app?.[Symbol.asyncDispose]();
    await directory?.[Symbol.asyncDispose]();
  });

  it('is answered with its text, usage and finish reasons to who waits for it, and is then in no store', async () => {
    const answered = await complete(client, { ...input, n: 2 });
    expect(answered).toMatchObject({ status: 'SUCCEEDED', usage: { promptTokens: 4, completionTokens: 10 } });
    const whole = { text: prompt, finishReason: 'STOP', stopSequence: null };
    expect(answered.choices).toEqual([
      { index: 0, ...whole },
      { index: 1, ...whole },
    ]);
    expect(await find(client, answered.id)).toEqual({ ...answered, choices: [] });
  });

  it('is answered with its text so far to who cancels it', async () => {
    engine.hold();
    engine.allow(2);
    const { id } = await complete(client, { ...input, mode: 'STREAM' });
    await waitFor('two tokens', async () => (await find(client, id))?.usage.completionTokens === 2);
    const cancelled = await cancel(client, id);
    engine.release();
    expect(cancelled.completion).toMatchObject({
      status: 'CANCELLED',
      choices: [{ text: 'nobody may', finishReason: 'CANCELLED' }],
    });
  });

  it('is answered without its text once nothing holds that', async () => {
    const once = { ...input, idempotencyKey: 'once' };
    const first = await complete(client, once);
    expect(first.choices).toHaveLength(1);
    expect(await complete(client, once)).toEqual({ ...first, choices: [] });
  });

  it('leaves neither prompt nor text in the database', async () => {
    await app.server.stop();
    await using opened = await openTestStore({ databaseUrl: undefined, dataDirectory: directory.path });
    const rows = await opened.database.prisma.completion.findMany();
    const kept = await opened.store.completions.find(rows.map(({ id }) => id as CompletionId));
    expect(kept).toHaveLength(3);
    for (const completion of kept) expect(completion).toMatchObject({ request: null, choices: null, textIndex: null });
    expect(JSON.stringify(kept, (_, value) => (typeof value === 'bigint' ? String(value) : value))).not.toContain(
      'keep this',
    );
  });
});
