import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { openEngine } from '../../src/inference/llama/open-engine.ts';
import type { Log } from '../../src/inference/log.ts';
import { decodedTexts } from '../kit/decoded-texts.ts';
import { modelsAtHand } from '../kit/models.ts';
import { greedyChoice } from '../kit/sampling.ts';
import type { OneThreadOutcome } from './one-thread-engine.ts';

const settingsFor = (modelPath: string) => ({ modelPath, contextSize: 256, sequences: 3, threads: 1, gpuLayers: 0 });

const textsOf = async (modelPath: string, way: 'fastest' | 'public', log: Log = () => {}) =>
  decodedTexts(await openEngine(settingsFor(modelPath), log, { way }));

for (const model of modelsAtHand()) {
  describe(`decoders with ${model.name}`, () => {
    it('finds the private entries of the pinned library, and decodes the same greedy tokens through its public API', async () => {
      const complaints: string[] = [];
      const native = await textsOf(model.path, 'fastest', (level, message) => {
        if (level === 'warn' || level === 'error') complaints.push(message);
      });
      expect(complaints).toEqual([]);
      const open = await textsOf(model.path, 'public');
      expect(native).toHaveLength(11);
      expect(new Set(native).size).toBeGreaterThan(7);
      expect(open).toEqual(native);
    });

    it('decodes the same where samples are queued behind the evaluation, and goes on after one that failed', async () => {
      const child = fork(
        fileURLToPath(new URL('one-thread-engine.ts', import.meta.url)),
        [JSON.stringify(settingsFor(model.path))],
        {
          execArgv: ['--import', 'tsx'],
          env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
        },
      );
      const exited = once(child, 'exit');
      const [outcome] = (await Promise.race([once(child, 'message'), exited])) as [OneThreadOutcome];
      expect(outcome.failure).toMatch(/eval has failed/iu);
      expect(outcome.textsAfterwards).toEqual(outcome.texts);
      expect(outcome.texts).toEqual(await textsOf(model.path, 'public'));
      expect(await exited).toEqual([0, null]);
    });

    it('keeps what it evaluated while memory is being collected', async () => {
      setFlagsFromString('--expose-gc');
      const collectGarbage = runInNewContext('gc') as () => void;
      const { decoder } = await openEngine(settingsFor(model.path), () => {});
      using sampler = decoder.sampler(greedyChoice);
      const answer = async (sequence: number, betweenSteps: () => Promise<void>) => {
        const tokens = [1, 300, 301, 302];
        for (let position = 0; tokens.length < 20; ) {
          const [token] = await decoder.step([{ sequence, position, tokens: tokens.slice(position), sampler }]);
          position = tokens.length;
          tokens.push(token!);
          await betweenSteps();
        }
        return tokens;
      };
      const undisturbed = await answer(0, async () => {});
      const disturbed = await answer(1, async () => {
        collectGarbage();
        await nextTurn();
      });
      expect(disturbed).toEqual(undisturbed);
    });
  });
}
