import { expect, test } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp } from '../../kit/app.ts';
import { complete } from '../../kit/completions.ts';
import { pool, pooledModel, watchPool } from '../../kit/pool.ts';
import { waitFor } from '../../kit/wait-for.ts';

const reply = () => 'one two three four five';

test('the pool shows what runs and what waits, and its events what changes', async () => {
  const inference = createScriptedInference([
    { name: 'scripted', aliases: ['default'], slots: 2, reply },
    { name: 'idle', slots: 1 },
  ]);
  await using app = await startApp({ inference });
  const client = await app.newClient();
  await using events = watchPool(app.admin);
  const first = await events.until(({ model }) => model.name === 'idle');
  expect(first.map(({ type, model }) => [type, model.name])).toEqual([
    ['CURRENT', 'scripted'],
    ['CURRENT', 'idle'],
  ]);

  inference.hold();
  const running = Array.from({ length: 5 }, () => complete(client, { model: 'default', prompt: 'Hello' }));
  const busy = await waitFor('two to run and three to wait', async () => {
    const model = await pooledModel(app.admin, 'scripted');
    return model.waiting === 3 && model;
  });
  expect(busy).toMatchObject({ status: 'LOADED', aliases: ['default'], error: null });
  expect(busy.replicas).toMatchObject([{ index: 0, state: 'READY', slots: 2, slotsBusy: 2, restarts: 0 }]);
  expect(busy.oldestWaitSeconds).toBeGreaterThanOrEqual(0);
  const [figures] = (await events.until(({ model }) => model.waiting === 3)).slice(-1);
  expect(figures).toMatchObject({ type: 'FIGURES', model: { name: 'scripted', replicas: [{ slotsBusy: 2 }] } });

  inference.release();
  await Promise.all(running);
  await events.until(({ model }) => model.waiting === 0 && model.replicas[0]!.slotsBusy === 0);
  inference.breakModel('idle', 'its file is gone');
  const [broken] = (await events.until(({ type }) => type === 'STATE')).slice(-1);
  expect(broken!.model).toMatchObject({ name: 'idle', status: 'FAILED', error: 'its file is gone' });
  expect((await pool(app.admin)).models.map(({ status }) => status)).toEqual(['LOADED', 'FAILED']);
});

test('the pool is for administrators', async () => {
  await using app = await startApp({ inference: createScriptedInference() });
  const client = await app.newClient({ scopes: ['COMPLETIONS', 'USAGE_READ'] });
  const { errors } = await client.request('{ pool { models { name } } }');
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
  const { value } = await client.subscribe('subscription { poolEvents { type } }').next();
  expect(value.errors[0].extensions).toMatchObject({ code: 'FORBIDDEN' });
});
