import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { generate, job } from '../kit/generate.ts';
import { modelConfig, modelsAtHand, openInference } from '../kit/models.ts';
import { greedy } from '../kit/sampling.ts';
import { waitFor } from '../kit/wait-for.ts';

const [model] = modelsAtHand();
/** Room for one of the models below, not for two. */
const roomForOne = 200_000_000;

describe.skipIf(model === undefined)('models that share memory', () => {
  const first = modelConfig(model!, { name: 'first', sequences: 2, gpuLayers: 0 });
  const second = { ...first, name: 'second' };
  const prompt = async (inference: ReturnType<typeof openInference>) =>
    (await inference.tokenize('first', { type: 'text', text: 'Once upon a time' })).tokens;
  /** The first model answers until the end is called, and so cannot leave. */
  async function occupy(inference: ReturnType<typeof openInference>) {
    const promptTokens = await prompt(inference);
    const ending = new AbortController();
    const sampling = { ...greedy, logitBias: new Map([[promptTokens.at(-1)!, 1000]]) };
    const work = job('first', promptTokens, { maxTokens: 1_900, sampling });
    const outcome = generate(inference, work, ending.signal).catch(() => {});
    await waitFor('the model to be loaded', () => inference.models()[0]!.status === 'LOADED');
    return {
      async end() {
        ending.abort();
        await outcome;
      },
    };
  }

  it('take turns where one fits at a time: every request is answered, and two are never in memory', async () => {
    await using inference = openInference([first, second], { memoryBytes: roomForOne });
    const promptTokens = await prompt(inference);
    let together = 0;
    const order: string[] = [];
    inference.watchPool(() => {
      const inside = inference
        .pool()
        .models.filter(({ replicas }) => replicas.some(({ state }) => state !== 'UNLOADED'));
      together = Math.max(together, inside.length);
      const [loaded] = inside.filter(({ status }) => status === 'LOADED').map(({ name }) => name);
      if (loaded !== undefined && loaded !== order.at(-1)) order.push(loaded);
    });
    const clients = ['first', 'second'].flatMap((name) =>
      [1, 2, 3].map(async () => {
        for (let request = 0; request < 20; request++) {
          const { usage } = await generate(inference, job(name, promptTokens, { maxTokens: 50 }));
          expect(usage.completionTokens).toBeGreaterThan(0);
        }
      }),
    );
    await Promise.all(clients);
    expect(together).toBe(1);
    expect(order.slice(0, 2).sort()).toEqual(['first', 'second']);
    expect(inference.logged.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('stay where a model is asked for whose engine is known to crash', async () => {
    const timing = { crashes: 1, pauseSeconds: 600 };
    await using inference = openInference([first, second], { memoryBytes: roomForOne, timing });
    const promptTokens = await prompt(inference);
    const ask = (name: string) => generate(inference, job(name, promptTokens));
    await ask('second');
    process.kill(inference.processIds().engines[0]!, 'SIGKILL');
    await waitFor('the model to be given up', () => inference.models()[1]!.status === 'FAILED');
    await ask('first');
    const engines = inference.processIds().engines;
    await expect(ask('second')).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    await ask('first');
    expect(inference.processIds().engines).toEqual(engines);
  });

  it('are loaded with the server as far as they fit, in the order of the configuration', async () => {
    const sha256 = createHash('sha256').update(readFileSync(model!.path)).digest('hex');
    // By its name it would be the last, and it takes longest to be looked at.
    const zebra = { ...first, name: 'zebra', sha256 };
    await using inference = openInference([zebra, first, second], { memoryBytes: roomForOne });
    await inference.preload();
    expect(inference.models().map(({ status }) => status)).toEqual(['LOADED', 'UNLOADED', 'UNLOADED']);
    expect(inference.logged.filter(({ level }) => level === 'warn').map(({ message }) => message)).toEqual([
      'model first: no room beside the others; the first request loads it',
      'model second: no room beside the others; the first request loads it',
    ]);
    expect(inference.ready()).toBe(true);
  });

  it('end their processes when they are unloaded, and start them with the next request', async () => {
    await using inference = openInference([{ ...first, replicas: 2 }]);
    const promptTokens = await prompt(inference);
    await inference.preload();
    const engines = inference.processIds().engines;
    expect(engines).toHaveLength(2);
    await inference.unload('first');
    expect(inference.processIds().engines).toEqual([]);
    for (const pid of engines) expect(() => process.kill(pid, 0)).toThrow();
    expect((await generate(inference, job('first', promptTokens))).usage.completionTokens).toBe(12);
    expect(inference.pool().models[0]!.replicas.map(({ restarts }) => restarts)).toEqual([0, 0]);
  });

  it('are tried again at once by an order, whatever failed before', async () => {
    await using inference = openInference([{ ...first, source: 'file:missing.gguf' }], {
      timing: { reloadSeconds: 3_600 },
    });
    const load = () => inference.load('first', new AbortController().signal);
    await expect(load()).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    await expect(load()).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    expect(inference.logged.filter(({ message }) => message.includes('cannot be read')).length).toBeGreaterThan(1);
  });

  it('are loaded to the end where whoever ordered it leaves, also while the order waits for room', async () => {
    await using inference = openInference([first, second], { memoryBytes: roomForOne });
    const occupation = await occupy(inference);
    const leaving = new AbortController();
    const ordered = inference.load('second', leaving.signal);
    await waitFor('the order to wait', () => inference.models()[1]!.status === 'LOADING');
    leaving.abort(new Error('left'));
    await expect(ordered).rejects.toThrow('left');
    await occupation.end();
    await waitFor('the model to be loaded', () => inference.models()[1]!.status === 'LOADED');
  });

  it('are not loaded any more where they are unloaded while the order waits for room', async () => {
    await using inference = openInference([first, second], { memoryBytes: roomForOne });
    const occupation = await occupy(inference);
    const ordered = inference.load('second', new AbortController().signal).catch((error: unknown) => error);
    await waitFor('the order to wait', () => inference.models()[1]!.status === 'LOADING');
    await inference.unload('second');
    expect(await ordered).toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    await occupation.end();
    expect(inference.models()[1]!.status).toBe('UNLOADED');
  });

  it.skipIf(process.platform !== 'linux')('see their own device alone, replica by replica', async () => {
    await using inference = openInference([{ ...first, replicas: 2, devices: [0, 3] }]);
    await inference.preload();
    const seen = await waitFor('two engines', () => {
      const { engines } = inference.processIds();
      return engines.length === 2 && engines.map((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0'));
    });
    expect(seen[0]).toContain('CUDA_VISIBLE_DEVICES=0');
    expect(seen[1]).toContain('CUDA_VISIBLE_DEVICES=3');
    expect(seen[1]).toContain('GGML_VK_VISIBLE_DEVICES=3');
  });
});
