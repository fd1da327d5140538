import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Inference } from '../../../src/contracts/inference.ts';
import type { ChoiceEngine } from '../../../src/inference/generate-choices.ts';
import { shipped } from '../shipped.ts';
import { serveMeasured } from './measured-server.ts';
import { type Producer, startProducer } from './producer-link.ts';

const { loadConfig } = await shipped<typeof import('../../../src/config.ts')>('config');
const { generateChoices } =
  await shipped<typeof import('../../../src/inference/generate-choices.ts')>('inference/generate-choices');
const { createScriptedInference } =
  await shipped<typeof import('../../../src/inference/scripted.ts')>('inference/scripted');
const { silentLogger } = await shipped<typeof import('../../../src/logger.ts')>('logger');
const { startServer } = await shipped<typeof import('../../../src/server.ts')>('server');

/** The service as it is, but for the engine. */
const unlimited = 2 ** 30;
const producer = await startProducer();
const dataDirectory = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
const configFile = join(dataDirectory, 'sluice.config.json');
await writeFile(
  configFile,
  JSON.stringify({
    limits: { queueRequests: unlimited, queuePromptTokens: unlimited, queueSeconds: 3_600, leaseSeconds: 600 },
    streams: { firstReaderSeconds: 600, drainSeconds: 0 },
  }),
);
const config = loadConfig({}, { SLUICE_PORT: '0', SLUICE_DATA_DIR: dataDirectory, SLUICE_CONFIG: configFile });
const server = await startServer(config, { logger: silentLogger, inference: syntheticInference(producer) });

serveMeasured(producer, {
  url: server.url,
  authorization: `Bearer ${server.adminSecret}`,
  async [Symbol.asyncDispose]() {
    await server.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  },
});

/** Tokenises and describes as the scripted engine does; what it generates comes from the producer. */
function syntheticInference(source: Producer): Inference {
  const engine: ChoiceEngine = {
    run(_work, events) {
      events.started(0);
      const close = source.open((piece) => {
        if (piece.finishReason) close();
        events.piece(piece);
      });
      return () => {
        close();
        events.piece({ text: '', tokens: 0, finishReason: 'CANCELLED' });
      };
    },
    [Symbol.dispose]() {},
  };
  const described = createScriptedInference([{ name: 'synthetic', contextSize: unlimited, slots: 4_096 }]);
  return {
    ...described,
    generate: (job, _slot, signal) =>
      generateChoices(
        job,
        { engine: async () => engine, extraSlot: (waiting) => described.acquireSlot('synthetic', waiting) },
        signal,
      ),
    [Symbol.asyncDispose]: () => described[Symbol.asyncDispose](),
  };
}
