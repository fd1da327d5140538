import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp } from '../../kit/app.ts';
import { createClient } from '../../kit/client.ts';
import { cancel, complete, create } from '../../kit/completions.ts';
import { createKey, revokeKey, rotateKey, updateKey } from '../../kit/keys.ts';
import { auditEvents } from '../../kit/projects.ts';
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
  const secrets = [secret!, rotated.secret!, app.adminSecret].map((whole) => whole.slice(9));
  for (const [where, what] of Object.entries(shown)) {
    const text = inspect(what, { depth: 20, maxStringLength: null, maxArrayLength: null });
    for (const marker of ['MARKEDPROMPT', 'MARKEDANSWER', ...secrets]) {
      expect({ where, found: text.includes(marker) }).toEqual({ where, found: false });
    }
  }
});
