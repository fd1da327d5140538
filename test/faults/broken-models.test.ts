import { randomBytes } from 'node:crypto';
import { open, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../kit/app.ts';
import type { Client } from '../kit/client.ts';
import { complete, refusal } from '../kit/completions.ts';
import { type TemporaryDirectory, temporaryDataDirectory } from '../kit/database.ts';
import { waitFor } from '../kit/wait-for.ts';

const starter = resolve('models/starter.gguf');

describe('models whose files are no good', () => {
  let directory: TemporaryDirectory;
  let app: TestApp;
  let client: Client;

  beforeAll(async () => {
    directory = await temporaryDataDirectory();
    const file = (name: string) => join(directory.path, name);
    await writeFile(file('garbage.gguf'), randomBytes(100_000));
    const whole = await open(starter);
    const { buffer, bytesRead } = await whole.read(Buffer.alloc(1_000_000), 0, 1_000_000, 0);
    await whole.close();
    await writeFile(file('truncated.gguf'), buffer.subarray(0, bytesRead));
    const model = (name: string) => ({ name, source: `file:${file(`${name}.gguf`)}`, contextSize: 256, sequences: 1 });
    app = await startApp({
      dataDirectory: directory.path,
      config: {
        models: [
          ...['garbage', 'truncated', 'missing'].map(model),
          { ...model('good'), source: `file:${starter}`, threads: 1 },
        ],
      },
    });
    client = await app.newClient();
  });
  afterAll(async () => {
    await app?.[Symbol.asyncDispose]();
    await directory?.[Symbol.asyncDispose]();
  });

  it.each([
    ['garbage', /GGUF/iu],
    ['truncated', /failed to load/iu],
    ['missing', /no such file|ENOENT|not found|does not exist|no file/iu],
  ])('are FAILED, and tell administrators why: %s', async (name, reason) => {
    const document = 'query ($name: String!) { model(name: $name) { status error } }';
    const error = await waitFor(
      'the model to have failed',
      async () => {
        const { model } = await app.admin.execute<{ model: { status: string; error: string } }>(document, { name });
        return model.status === 'FAILED' && model.error;
      },
      50_000,
    );
    expect(error).toMatch(reason);
    expect(error).toContain(name);
  });

  it.each(['garbage', 'truncated', 'missing'])('refuse completions before they exist: %s', async (name) => {
    const refused = await refusal(client, { model: name, prompt: 'Hello', maxTokens: 2 });
    expect(refused).toMatchObject({ __typename: 'ModelUnavailableError', code: 'MODEL_UNAVAILABLE' });
    expect(refused.message).toContain(`${name}.gguf`);
    expect(refused.message).not.toContain(directory.path);
    expect(app.logs.some(({ message }) => message.includes(join(directory.path, `${name}.gguf`)))).toBe(true);
    expect(refused.retryAfterSeconds).toBeGreaterThan(0);
  });

  it('do not keep the others from answering', async () => {
    await waitFor('the server to be ready', async () => (await fetch(`${app.url}/readyz`)).ok, 30_000);
    expect((await complete(client, { model: 'good', prompt: 'Hello', maxTokens: 2 })).status).toBe('SUCCEEDED');
  });
});
