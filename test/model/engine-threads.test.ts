import { describe, expect, it } from 'vitest';
import { openEngine } from '../../src/inference/llama/open-engine.ts';
import { modelConfig, modelsAtHand, openInference } from '../kit/models.ts';
import { greedyChoice } from '../kit/sampling.ts';

for (const { name, path } of modelsAtHand()) {
  describe(`threads of ${name}`, () => {
    const settings = { modelPath: path, contextSize: 256, sequences: 2, gpuLayers: 0 };

    for (const way of ['fastest', 'public'] as const) {
      it(`are measured when it is loaded, and nothing of that is left (${way})`, async () => {
        const lines: string[] = [];
        const measured = await openEngine({ ...settings, threads: { atMost: 2 } }, (_, line) => lines.push(line), {
          way,
        });
        expect(lines).toContainEqual(expect.stringMatching(/ ms a step with 1 thread$/u));
        expect([1, 2]).toContain(measured.facts.threads);
        expect(measured.decoder.threads).toBe(measured.facts.threads);

        const plain = await openEngine({ ...settings, threads: 1 }, () => {}, { way });
        measured.decoder.useThreads(1);
        expect(measured.decoder.threads).toBe(1);
        expect(await answer(measured)).toEqual(await answer(plain));
      });
    }

    it('are shown by the pool', async () => {
      await using inference = openInference([modelConfig({ name, path }, { threads: 'auto', gpuLayers: 0 })]);
      await inference.preload();
      const threads = inference.pool().models[0]!.replicas[0]!.engine!.threads;
      expect(threads).toBeGreaterThanOrEqual(1);
      const inWords = `with ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
      expect(inference.logged).toContainEqual({ level: 'info', message: expect.stringContaining(inWords) });
    });
  });
}

async function answer({ decoder }: Awaited<ReturnType<typeof openEngine>>): Promise<number[]> {
  using sampler = decoder.sampler(greedyChoice);
  const tokens = [1, 300, 301, 302];
  for (let position = 0; tokens.length < 16; ) {
    const [token] = await decoder.step([{ sequence: 0, position, tokens: tokens.slice(position), sampler }]);
    position = tokens.length;
    tokens.push(token!);
  }
  return tokens;
}
