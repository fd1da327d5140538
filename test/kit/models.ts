import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInference, type InferenceOptions, type LocalInference } from '../../src/inference/create-inference.ts';
import type { LogLevel } from '../../src/inference/log.ts';
import type { ModelConfig } from '../../src/inference/model-config.ts';

export interface TestModel {
  readonly name: string;
  readonly path: string;
}

/** The project's own model. */
export const starterModel: TestModel = { name: 'starter', path: resolve('models/starter.gguf') };

/** Some other GGUF model, with a vocabulary of another kind; named by SLUICE_TEST_FOREIGN_MODEL, else those tests are skipped. */
export const foreignModel: TestModel | undefined = process.env.SLUICE_TEST_FOREIGN_MODEL
  ? { name: 'foreign', path: resolve(process.env.SLUICE_TEST_FOREIGN_MODEL) }
  : undefined;

/** Those that are here; a missing one is said loudly, once. */
export function modelsAtHand(): TestModel[] {
  const wanted = [starterModel, foreignModel];
  if (foreignModel === undefined)
    console.warn('SLUICE_TEST_FOREIGN_MODEL is not set: tests of a second model are skipped');
  return wanted.filter((model) => {
    if (model === undefined) return false;
    if (!existsSync(model.path)) console.warn(`${model.path} is not there: its tests are skipped`);
    return existsSync(model.path);
  }) as TestModel[];
}

/** The starter model as the file of the configuration names it. */
export const starterEntry = {
  name: 'starter',
  source: `file:${resolve('models/starter.gguf')}`,
  aliases: ['default'],
  contextSize: 2048,
  sequences: 2,
  threads: 1,
  gpuLayers: 0,
};

export function modelConfig(model: TestModel, changes: Partial<ModelConfig> = {}): ModelConfig {
  return {
    name: model.name,
    source: `file:${model.path}`,
    aliases: [],
    contextSize: 512,
    defaultMaxTokens: 64,
    sequences: 4,
    replicas: 1,
    threads: 1,
    gpuLayers: 'auto',
    cacheType: 'f16',
    cacheSharing: 'project',
    flashAttention: 'auto',
    load: 'start',
    keepAliveSeconds: null,
    price: { promptNanosPerToken: 0n, completionNanosPerToken: 0n },
    ...changes,
  };
}

export interface LoggedLine {
  readonly level: LogLevel;
  readonly message: string;
}

export function openInference(
  models: readonly ModelConfig[],
  changes: Partial<InferenceOptions> = {},
): LocalInference & { readonly logged: LoggedLine[] } {
  const logged: LoggedLine[] = [];
  const inference = createInference({
    models,
    baseDirectory: process.cwd(),
    modelsDirectory: resolve('.sluice/models'),
    environment: process.env,
    log: (level, message) => logged.push({ level, message }),
    ...changes,
  });
  return Object.assign(inference, { logged });
}

/**
 * Within what an engine that died is to be back: five seconds, or three times a load that nothing disturbs where this machine is too
 * busy for that. Loads the models to see.
 */
export async function promisedBackMilliseconds(inference: LocalInference): Promise<number> {
  const began = performance.now();
  await inference.preload();
  return Math.max(5_000, 3 * (performance.now() - began));
}
