import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { generateSecret } from '../../../src/lib/api-key-secret.ts';
import { startApp } from '../../kit/app.ts';
import { createClient } from '../../kit/client.ts';
import { cancel, complete, create } from '../../kit/completions.ts';
import { temporaryDataDirectory } from '../../kit/database.ts';
import { createKey, revokeKey, rotateKey, updateKey } from '../../kit/keys.ts';
import { auditEvents } from '../../kit/projects.ts';
import { connect, openSocket } from '../../kit/socket.ts';
import { waitFor } from '../../kit/wait-for.ts';

const creation = `mutation ($input: CreateCompletionInput!) {
  createCompletion(input: $input) { ... on CreateCompletionPayload { completion { id } } ... on UserError { message } }
}`;

test('no secret, prompt or answer is in any log line, error or audit event', async () => {
  const inference = createScriptedInference([{ name: 'scripted', reply: () => 'MARKEDANSWER says more' }]);
  await using app = await startApp({ inference, environment: { SLUICE_LOG_LEVEL: 'trace' } });
  const { apiKey, secret } = await createKey(app.admin, { name: 'watched', scopes: ['COMPLETIONS'] });
  const client = createClient(app.url, secret!);
  const prompt = 'MARKEDPROMPT alpha';
  const errors: unknown[] = [];

  await complete(client, { model: 'scripted', prompt });
  errors.push(await create(client, { model: 'scripted', prompt, maxTokens: 9_999 }));
  errors.push(await create(client, { model: 'nothing', prompt }));
  errors.push(await create(client, { model: 'scripted', prompt, temperature: 9 }));
  errors.push(await client.request(`mutation { createCompletion(input: { model: 1, prompt: "${prompt}" }) { x } }`));
  inference.breakModel('scripted', 'its file is gone');
  errors.push(await create(client, { model: 'scripted', prompt }));
  inference.breakModel('scripted');
  inference.hold();
  const crashed = await complete(client, { model: 'scripted', prompt, mode: 'BACKGROUND' });
  await waitFor('it to run', () => inference.running === 1);
  inference.allow(1);
  inference.crash();
  inference.release();
  await cancel(client, crashed.id);
  await updateKey(app.admin, { id: apiKey!.id, name: 'renamed' });
  const rotated = await rotateKey(app.admin, { id: apiKey!.id });
  await revokeKey(app.admin, apiKey!.id);
  errors.push(await client.request('{ viewer { scopes } }'));

  const audited = await auditEvents(app.admin, {});
  expect(audited.length).toBeGreaterThanOrEqual(4);
  expect(errors.length).toBe(6);
  // A request that GraphQL itself refuses is shown to its sender with the place, in the sender's own words.
  const shown = { logs: app.logs, errors: errors.filter((_, index) => index !== 3), audited };
  const secrets = [secret!, rotated.secret!, app.adminSecret].map(withoutHint);
  expectNowhere(shown, ['MARKEDPROMPT', 'MARKEDANSWER', ...secrets]);
});

test('nor is what came through the OpenAI face or a WebSocket, or the secret of the server', async () => {
  const serverSecret = 'MARKEDSERVERSECRET-'.repeat(3);
  const inference = createScriptedInference([{ name: 'scripted', reply: () => 'MARKEDANSWER says more' }]);
  const environment = { SLUICE_LOG_LEVEL: 'trace', SLUICE_SECRET: serverSecret };
  await using app = await startApp({ inference, environment });
  const { secret } = await createKey(app.admin, { name: 'watched', scopes: ['COMPLETIONS'] });
  const prompt = 'MARKEDPROMPT alpha';
  const tokens = [31, 41, 59, 26, 53, 58];
  const post = async (path: string, body: object | string, key = secret!) => {
    const response = await fetch(`${app.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: response.status, text: await response.text() };
  };

  const served: { status: number }[] = [];
  const refused: { status: number; text: string }[] = [];
  for (const [path, input] of [
    ['/v1/chat/completions', { messages: [{ role: 'user', content: prompt }] }],
    ['/v1/completions', { prompt }],
    ['/v1/completions', { prompt: tokens }],
  ] as const) {
    const asked = { model: 'scripted', max_tokens: 3, ...input };
    served.push(await post(path, asked), await post(path, { ...asked, stream: true }));
    refused.push(
      await post(path, { ...asked, max_tokens: 9_999_999 }),
      await post(path, { ...asked, model: 'nothing' }),
      await post(path, { ...asked, temperature: 9 }),
      await post(path, { ...asked, stop: [{ prompt }] }),
      await post(path, { ...asked, n: { [prompt]: prompt } }),
      await post(path, JSON.stringify(asked).slice(0, -1)),
      await post(path, asked, 'slc_MARKEDKEY'),
    );
  }
  // A field that nobody knows is shown to its sender alone, in the sender's own words.
  const unknownField = { query: creation, variables: { input: { model: 'scripted', prompt, [prompt]: prompt } } };
  const ownWords = await post('/graphql', unknownField);
  expect(ownWords.text).toContain('is not defined by type');
  refused.push(await post('/graphql', `{"query": "{ viewer { scopes } }", "variables": { "prompt": ${prompt}`));
  expect(served.map(({ status }) => status)).toEqual(Array(served.length).fill(200));
  for (const { status } of refused) expect(status).toBeGreaterThanOrEqual(400);

  await using stranger = await connect(app.url);
  stranger.send({ type: 'connection_init', payload: { authorization: 'Bearer slc_MARKEDKEY' } });
  const closed = await stranger.closed;
  expect(closed.code).toBe(4401);
  await using socket = await openSocket(app.url, secret!);
  const input = { model: 'scripted', prompt, maxTokens: 9_999_999 };
  socket.send({ id: 'refused', type: 'subscribe', payload: { query: creation, variables: { input } } });
  await waitFor('the refusal', () => socket.received.some(({ type, id }) => type === 'complete' && id === 'refused'));

  const errors = [refused, closed, socket.received];
  const secrets = [secret!, app.adminSecret].map(withoutHint);
  expect(app.logs.length).toBeGreaterThan(0);
  expectNowhere({ logs: app.logs, errors, audited: await auditEvents(app.admin, {}) }, [
    'MARKED',
    tokens.join(),
    tokens.join(', '),
    ...secrets,
  ]);
});

test('nor is the secret of the server that was, or the one that replaces it', async () => {
  await using directory = await temporaryDataDirectory();
  const [before, now] = ['MARKEDBEFORE', 'MARKEDNOW'].map((name) => `${name}-`.repeat(3));
  const adminKey = generateSecret();
  const start = (secret: string, previous: string) =>
    startApp({
      inference: createScriptedInference(),
      dataDirectory: directory.path,
      environment: {
        SLUICE_LOG_LEVEL: 'trace',
        SLUICE_ADMIN_KEY: adminKey,
        SLUICE_SECRET: secret,
        SLUICE_PREVIOUS_SECRET: previous,
      },
    });
  const logs: unknown[] = [];
  for (const [secret, previous] of [
    [before!, ''],
    [now!, before!],
  ] as const) {
    await using app = await start(secret, previous);
    await app.admin.execute('{ viewer { scopes } }');
    const audited = await auditEvents(app.admin, {});
    expectNowhere({ audited }, ['MARKED', withoutHint(adminKey)]);
    expect(audited.some(({ action }) => action === 'SECRET_ROTATE')).toBe(secret === now);
    logs.push(app.logs);
  }
  const refusal = await start('MARKEDOTHER-'.repeat(3), '').catch((error: unknown) => error);
  expect(String(refusal)).toMatch(/SLUICE_SECRET differs/u);
  expectNowhere({ logs, refusal }, ['MARKED', withoutHint(adminKey)]);
});

/** The first characters are shown, to recognise a key by. */
function withoutHint(secret: string): string {
  return secret.slice(9);
}

function expectNowhere(places: Readonly<Record<string, unknown>>, markers: readonly string[]): void {
  for (const [where, what] of Object.entries(places)) {
    const text = inspect(what, { depth: 20, maxStringLength: null, maxArrayLength: null, breakLength: Infinity });
    for (const marker of markers)
      expect({ where, found: text.includes(marker) && marker }).toEqual({ where, found: false });
  }
}
