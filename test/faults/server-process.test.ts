import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createScriptedInference } from '../../src/inference/scripted.ts';
import { isWellFormedSecret } from '../../src/lib/api-key-secret.ts';
import { runSluice } from '../api/cli/sluice-process.ts';
import { startApp } from '../kit/app.ts';
import { type Client, createClient } from '../kit/client.ts';
import { allEvents, complete, type EventView, events, refusal, textOf } from '../kit/completions.ts';
import { type TemporaryDirectory, temporaryDataDirectory } from '../kit/database.ts';
import { endlessBias } from '../kit/endless.ts';
import { createKey } from '../kit/keys.ts';
import {
  commandLineOf,
  isAlive,
  isReady,
  newAdminSecret,
  type ServerProcess,
  startServerProcess,
} from '../kit/server-process.ts';
import { waitFor } from '../kit/wait-for.ts';

describe('a server process', () => {
  let directory: TemporaryDirectory;
  let server: ServerProcess;
  let client: Client;
  let endless: object;

  beforeAll(async () => {
    directory = await temporaryDataDirectory();
    server = await startServerProcess({ dataDirectory: directory.path, adminSecret: newAdminSecret() });
    const { secret } = await createKey(server.admin, { name: 'test', scopes: ['COMPLETIONS'] });
    client = createClient(server.url, secret!);
    const logitBias = await endlessBias(client);
    endless = { model: 'default', prompt: 'Once upon a time', mode: 'STREAM', logitBias };
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await directory?.[Symbol.asyncDispose]();
  });

  it('keeps a second one off its data directory, which is told by whom it is used', async () => {
    const second = await runSluice(['serve'], { SLUICE_DATA_DIR: directory.path, SLUICE_PORT: '0' });
    expect(second.status).toBe(1);
    expect(lines(second.stderr)).toEqual([expect.stringContaining(`is in use by process ${server.child.pid}`)]);
    expect(await isReady(server.url)).toBe(true);
  });

  it('keeps a second one off its port, which is told so', async () => {
    await using other = await temporaryDataDirectory();
    const port = new URL(server.url).port;
    const second = await runSluice(['serve'], { SLUICE_DATA_DIR: other.path, SLUICE_PORT: port });
    expect(second.status).toBe(1);
    expect(second.stdout).toBe('');
    expect(lines(second.stderr)).toEqual([expect.stringMatching(`127.0.0.1:${port} is in use.*--port`)]);
    expect(existsSync(join(other.path, 'server.json'))).toBe(false);
    // No admin key was made that nobody has seen: the next start makes and shows it.
    const inference = createScriptedInference();
    await using next = await startApp({ dataDirectory: other.path, inference });
    expect(isWellFormedSecret(next.adminSecret)).toBe(true);
  });

  it('does not start on a database that does not answer, and says which', async () => {
    await using other = await temporaryDataDirectory();
    const second = await runSluice(['serve'], {
      SLUICE_DATA_DIR: other.path,
      SLUICE_PORT: '0',
      DATABASE_URL: 'postgresql://user:hunter2@127.0.0.1:1/nothing',
    });
    expect(second.status).toBe(1);
    expect(lines(second.stderr)).toEqual([expect.stringMatching(/^error: .*127\.0\.0\.1:1/u)]);
    expect(second.stderr).not.toContain('hunter2');
  });

  it('fails what runs on an engine that is killed, at once and typed, and answers the next request', async () => {
    const { id } = await complete(client, { ...endless, maxTokens: 1_000 });
    const [engine] = server.children().filter((pid) => commandLineOf(pid).includes('inference/child/main'));
    expect(engine).toBeDefined();
    const seen: EventView[] = [];
    for await (const event of events(client, { id })) {
      seen.push(event);
      if (event.text && isAlive(engine!)) process.kill(engine!, 'SIGKILL');
    }
    const end = seen.at(-1)!;
    expect(end).toMatchObject({ __typename: 'CompletionFailed', error: { code: 'ENGINE_CRASHED' } });
    expect(end.completion).toMatchObject({
      status: 'FAILED',
      choices: [{ text: textOf(seen), finishReason: 'ERROR' }],
    });
    expect(end.completion!.usage.completionTokens).toBeGreaterThan(0);
    const next = await complete(client, { model: 'default', prompt: 'Hello', maxTokens: 2 });
    expect(next).toMatchObject({ status: 'SUCCEEDED', error: null });
  });

  it('told to stop is not ready at once, takes no new work, finishes what streams, and exits with 0', async () => {
    const { id } = await complete(client, { ...endless, maxTokens: 600 });
    const reading = events(client, { id });
    const seen: EventView[] = [];
    for await (const event of reading) {
      seen.push(event);
      if (!event.text || seen.some(({ __typename }) => __typename === 'stopped')) continue;
      seen.push({ ...event, __typename: 'stopped', text: '', choices: [] });
      server.child.kill('SIGTERM');
      await waitFor('it not to be ready', async () => (await fetch(`${server.url}/readyz`)).status === 503);
      expect(await refusal(client, { model: 'default', prompt: 'Hello' })).toMatchObject({
        code: 'OVERLOADED',
        retryAfterSeconds: expect.any(Number),
      });
      expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    }
    const end = seen.at(-1)!;
    expect(end.completion).toMatchObject({
      status: 'SUCCEEDED',
      choices: [{ text: textOf(seen), finishReason: 'LENGTH' }],
    });
    expect(await server.ended()).toBe(0);
    expect(existsSync(join(directory.path, 'server.json'))).toBe(false);
    await expect(allEvents(client, { id })).rejects.toThrow();
  });
});

function lines(text: string): string[] {
  return text.split('\n').filter(Boolean);
}
