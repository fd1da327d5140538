import { join } from 'node:path';
import { loadConfig } from '../../src/config.ts';
import { createInference } from '../../src/inference/create-inference.ts';
import { dealDevices } from '../../src/inference/device/deal-devices.ts';
import { createScriptedInference } from '../../src/inference/scripted.ts';
import { silentLogger } from '../../src/logger.ts';
import { startServer } from '../../src/server.ts';
import { meterEngine, type Produced } from './engine-meter.ts';

/**
 * A node in a process of its own that tells its parent what its engine produces. METERED_ENGINE: `llama`; or scripted, and `held`
 * or `paced` (slow enough to be interrupted).
 */
export type FromMeteredServer =
  | { readonly type: 'ready'; readonly url: string }
  | { readonly type: 'produced'; readonly produced: Produced };
export type ToMeteredServer = { readonly type: 'release' } | { readonly type: 'crash' } | { readonly type: 'stop' };

export const scriptedModel = {
  name: 'scripted',
  slots: 8,
  contextSize: 100_000,
  price: { promptNanosPerToken: 1_000n, completionNanosPerToken: 3_000n },
};

const tickMilliseconds = 10;
const tokensPerTick = 8;

const config = loadConfig();
const tell = (message: FromMeteredServer) => void process.send!(message);
const report = (produced: Produced) => tell({ type: 'produced', produced });

async function openLlama() {
  const { baseDirectory, dataDirectory, environment } = config;
  const modelsDirectory = join(dataDirectory, 'models');
  const log = () => {};
  const models = await dealDevices(config.models, { environment, hangSeconds: 10, log });
  const inference = createInference({ models, baseDirectory, modelsDirectory, environment, log });
  void inference.preload();
  return inference;
}

const scripted = process.env.METERED_ENGINE === 'llama' ? undefined : createScriptedInference([scriptedModel]);
scripted?.hold();
if (process.env.METERED_ENGINE === 'paced') setInterval(() => scripted?.allow(tokensPerTick), tickMilliseconds);
const inference = meterEngine(scripted ?? (await openLlama()), report);
const server = await startServer(config, { logger: silentLogger, inference });

process.on('message', (message: ToMeteredServer) => {
  switch (message.type) {
    case 'release':
      return scripted?.release();
    case 'crash':
      return scripted?.crash();
    case 'stop':
      void server.stop().then(() => process.exit(0));
      void server.stop();
      return;
    default:
      message satisfies never;
  }
});
process.on('disconnect', () => process.exit(1));
tell({ type: 'ready', url: server.url });
