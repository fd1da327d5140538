import { expect, test } from 'vitest';
import { type App, openApp } from '../../../src/app.ts';
import { loadConfig } from '../../../src/config.ts';
import { createScriptedInference, type ScriptedInference } from '../../../src/inference/scripted.ts';
import { silentLogger } from '../../../src/logger.ts';
import { temporaryDataDirectory } from '../../kit/database.ts';
import { waitFor } from '../../kit/wait-for.ts';

async function open(dataDirectory: string, inference: ScriptedInference): Promise<App> {
  return openApp({ config: loadConfig({}, { SLUICE_DATA_DIR: dataDirectory }), logger: silentLogger, inference });
}

const background = { model: 'scripted', mode: 'BACKGROUND', maxTokens: 4 };

test('a waiting prompt of tokens runs after a restart, with the tokens that it had', async () => {
  await using directory = await temporaryDataDirectory();
  const tokens = [3, 1, 4, 1, 5];
  // Its process takes jobs in, and never runs one.
  const first = await open(directory.path, createScriptedInference());
  await first.services.completions.create(first.operator, { ...background, tokens });
  await first[Symbol.asyncDispose]();

  const engine = createScriptedInference();
  await using second = await open(directory.path, engine);
  await second.run();
  await waitFor('the job to be taken', () => engine.jobs.length === 1);
  expect(engine.jobs[0]!.promptTokens).toEqual(tokens);
});

test('a waiting prompt whose model is gone fails at the next start, which goes on', async () => {
  await using directory = await temporaryDataDirectory();
  const first = await open(directory.path, createScriptedInference());
  const { completion } = await first.services.completions.create(first.operator, { ...background, prompt: 'a' });
  await first[Symbol.asyncDispose]();

  await using second = await open(directory.path, createScriptedInference([{ name: 'another' }]));
  await second.run();
  const [ended] = await second.services.completions.find(second.operator, [completion.id]);
  expect(ended).toMatchObject({ status: 'FAILED', error: { code: 'MODEL_NOT_FOUND' }, usage: { promptTokens: 0 } });
});
