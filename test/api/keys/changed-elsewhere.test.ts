import { describe, expect, it } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp } from '../../kit/app.ts';
import { createClient } from '../../kit/client.ts';
import { temporaryDatabase, whyNoPostgres } from '../../kit/database.ts';
import { createKey, revokeKey } from '../../kit/keys.ts';
import { newAdminSecret } from '../../kit/server-process.ts';
import { openSocket } from '../../kit/socket.ts';

const noPostgres = await whyNoPostgres();

describe.skipIf(noPostgres)('what a key holds open', () => {
  it('ends when the key is revoked at another node, and that of other keys goes on', async () => {
    await using database = await temporaryDatabase();
    const environment = {
      DATABASE_URL: database.url,
      SLUICE_SECRET: 'the secret of both nodes',
      SLUICE_ADMIN_KEY: newAdminSecret(),
    };
    await using here = await startApp({ inference: createScriptedInference(), environment });
    await using elsewhere = await startApp({ inference: createScriptedInference(), environment });
    const [revoked, kept] = await Promise.all(
      ['revoked', 'kept'].map((name) => createKey(here.admin, { name, scopes: ['COMPLETIONS'] })),
    );
    await using ended = await openSocket(here.url, revoked!.secret!);
    await using open = await openSocket(here.url, kept!.secret!);
    await revokeKey(createClient(elsewhere.url, environment.SLUICE_ADMIN_KEY), revoked!.apiKey!.id);
    expect(await ended.closed).toMatchObject({ code: 4403, reason: 'The API key was revoked.' });
    expect(open.webSocket.readyState).toBe(open.webSocket.OPEN);
  });
});
