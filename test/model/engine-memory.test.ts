import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { generate, job } from '../kit/generate.ts';
import { modelConfig, modelsAtHand, openInference, promisedBackMilliseconds } from '../kit/models.ts';
import { hasPrlimit } from '../kit/prlimit.ts';

const [model] = modelsAtHand();

describe.skipIf(model === undefined)('engines that cannot go on', () => {
  const config = modelConfig(model!, { sequences: 2, gpuLayers: 0 });
  const text = { type: 'text', text: 'Once upon a time' } as const;
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-memory-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it.skipIf(!hasPrlimit())(
    'because a limit lets them have no more memory fail their requests typed, and come back',
    async () => {
      await using inference = openInference([config]);
      const backMilliseconds = await promisedBackMilliseconds(inference);
      const { tokens } = await inference.tokenize(config.name, text);
      const [pid] = inference.processIds().engines;
      execFileSync('prlimit', [`--pid=${pid}`, '--as=1000000', '--data=1000000']);
      const diedAt = new Promise<number>((resolve) => {
        inference.watchPool(({ type }) => type === 'restart' && resolve(performance.now()));
      });
      const long = job(config.name, tokens, { maxTokens: 400 });
      let failure: unknown;
      while (failure === undefined)
        failure = await generate(inference, long).then(
          () => undefined,
          (error) => error,
        );
      expect(failure).toMatchObject({ code: 'ENGINE_CRASHED' });
      // What dies of its memory does so when it pleases: the promise counts from there.
      expect(performance.now() - (await diedAt)).toBeLessThan(1_000);
      await vi.waitFor(() => expect(inference.models()[0]!.status).toBe('LOADED'), { timeout: 30_000, interval: 20 });
      expect(performance.now() - (await diedAt)).toBeLessThan(backMilliseconds);
      expect(inference.processIds().engines).not.toContain(pid);
      expect((await generate(inference, job(config.name, tokens))).usage.completionTokens).toBe(12);
    },
  );

  it.each([
    ['a file that ends after 160 bytes', (whole: Buffer) => whole.subarray(0, 160)],
    ['a file without its vocabulary', (whole: Buffer) => renamed(whole, 'tokenizer.ggml.tokens')],
    ['a file without its kind of tokenizer', (whole: Buffer) => renamed(whole, 'tokenizer.ggml.model')],
  ])('%s is refused, and the others answer', async (name, broken) => {
    const path = join(directory, `${name.replaceAll(' ', '-')}.gguf`);
    await writeFile(path, broken(await readFile(model!.path)));
    await using inference = openInference([{ ...config, name: 'broken', source: `file:${path}` }, config]);
    await expect(inference.tokenize('broken', text)).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    const { tokens } = await inference.tokenize(config.name, text);
    await expect(generate(inference, job('broken', tokens))).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    expect(inference.models()[0]!.status).toBe('FAILED');
    expect((await generate(inference, job(config.name, tokens))).usage.completionTokens).toBe(12);
  });
});

/** The metadata's key by another name of the same length. */
function renamed(whole: Buffer, key: string): Buffer {
  const changed = Buffer.from(whole);
  const at = changed.indexOf(key);
  expect(at).toBeGreaterThan(0);
  changed.write('x', at + key.length - 1);
  return changed;
}
