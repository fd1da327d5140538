import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp } from '../../kit/app.ts';
import { createClient } from '../../kit/client.ts';
import { cancel, complete, create } from '../../kit/completions.ts';
import { createKey, revokeKey, rotateKey, updateKey } from '../../kit/keys.ts';
import { auditEvents } from '../../kit/projects.ts';
import { connect, openSocket } from '../../kit/socket.ts';
import { waitFor } from '../../kit/wait-for.ts';

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
      await post(path, JSON.stringify(asked).slice(0, -1)),
      await post(path, asked, 'slc_MARKEDKEY'),
    );
  }
  refused.push(await post('/graphql', `{"query": "{ viewer { scopes } }", "variables": { "prompt": ${prompt}`));
  expect(served.map(({ status }) => status)).toEqual(Array(served.length).fill(200));
  for (const { status } of refused) expect(status).toBeGreaterThanOrEqual(400);

  await using stranger = await connect(app.url);
  stranger.send({ type: 'connection_init', payload: { authorization: 'Bearer slc_MARKEDKEY' } });
  const closed = await stranger.closed;
  expect(closed.code).toBe(4401);
  await using socket = await openSocket(app.url, secret!);
  const query = `mutation ($input: CreateCompletionInput!) {
    createCompletion(input: $input) { ... on CreateCompletionPayload { completion { id } } ... on UserError { message } }
  }`;
  const input = { model: 'scripted', prompt, maxTokens: 9_999_999 };
  socket.send({ id: 'refused', type: 'subscribe', payload: { query, variables: { input } } });
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
