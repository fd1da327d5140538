import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { InferencePart } from '../../src/contracts/inference.ts';
import type { LocalInference } from '../../src/inference/create-inference.ts';
import { generate, job } from '../kit/generate.ts';
import { modelConfig, modelsAtHand, openInference, promisedBackMilliseconds } from '../kit/models.ts';
import { greedy } from '../kit/sampling.ts';
import { isAlive } from '../kit/server-process.ts';

const [model] = modelsAtHand();

/** The promises: after the death of an engine what ran on it has failed, it is back, and after that of the host nothing is left. */
const failedMilliseconds = 1_000;
const goneMilliseconds = 5_000;

describe.skipIf(model === undefined)('engine processes that fail', () => {
  const config = modelConfig(model!, { contextSize: 16_384, sequences: 2 });
  let directory: string;
  let prompt: readonly number[];
  let backMilliseconds: number;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-engine-'));
    await using inference = openInference([config]);
    backMilliseconds = await promisedBackMilliseconds(inference);
    prompt = (await inference.tokenize(config.name, { type: 'text', text: 'Once upon a time' })).tokens;
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  /** One token again and again, so that no end comes before the test's. */
  const endless = (maxTokens = 16_000) =>
    job(config.name, prompt, { maxTokens, sampling: { ...greedy, logitBias: new Map([[prompt.at(-1)!, 1000]]) } });

  /** Starts an endless answer and resolves once it is producing; `outcome` is how it ends. */
  async function startEndless(inference: LocalInference) {
    const parts: InferencePart[] = [];
    let producing = () => {};
    const started = new Promise<void>((resolve) => {
      producing = resolve;
    });
    const outcome = generate(inference, endless(), new AbortController().signal, (part) => {
      parts.push(part);
      if (part.type === 'delta') producing();
    }).catch((error: unknown) => error);
    await Promise.race([started, outcome]);
    return { parts, outcome };
  }

  const untilLoaded = (inference: LocalInference) =>
    vi.waitFor(() => expect(inference.models()[0]!.status).toBe('LOADED'), { timeout: 30_000, interval: 20 });

  /** How an engine's work ends after something happened to it, and that this is as soon after it as promised. */
  async function endWithin(milliseconds: number, since: number, outcome: Promise<unknown>): Promise<unknown> {
    const end = await outcome;
    expect(performance.now() - since).toBeLessThan(milliseconds);
    return end;
  }

  async function expectBack(inference: LocalInference, since: number): Promise<void> {
    await untilLoaded(inference);
    expect(performance.now() - since).toBeLessThan(backMilliseconds);
  }

  it.each(['SIGKILL', 'SIGSEGV', 'SIGABRT'] as const)(
    'fails the requests of an engine that dies of %s, and is back by itself',
    async (signal) => {
      await using inference = openInference([config]);
      await inference.preload();
      const running = [await startEndless(inference), await startEndless(inference)];
      const [pid] = inference.processIds().engines;
      const diedAt = performance.now();
      process.kill(pid!, signal);
      for (const { outcome } of running) {
        expect(await endWithin(failedMilliseconds, diedAt, outcome)).toMatchObject({
          code: 'ENGINE_CRASHED',
          facts: { retryAfterSeconds: 1 },
        });
      }
      await expectBack(inference, diedAt);
      expect(inference.processIds().engines).not.toContain(pid);
      expect((await generate(inference, job(config.name, prompt))).usage.completionTokens).toBe(12);
      expect(inference.logged.some(({ message }) => message.includes(`died of ${signal}`))).toBe(true);
    },
  );

  it('kills an engine that hangs, and fails its requests typed', async () => {
    const hangSeconds = 2;
    await using inference = openInference([config], { timing: { hangSeconds } });
    await inference.preload();
    const { outcome } = await startEndless(inference);
    const [pid] = inference.processIds().engines;
    const stoppedAt = performance.now();
    process.kill(pid!, 'SIGSTOP');
    // It is asked four times in this time, and given up when it has not answered a fifth time.
    const longestHangMilliseconds = hangSeconds * 1_000 * 1.25;
    expect(await endWithin(longestHangMilliseconds + failedMilliseconds, stoppedAt, outcome)).toMatchObject({
      code: 'ENGINE_CRASHED',
    });
    const goneAt = performance.now();
    expect(isAlive(pid!)).toBe(false);
    expect(inference.logged.some(({ message }) => message.includes('answered nothing for 2 s'))).toBe(true);
    await expectBack(inference, goneAt);
  });

  it('does not take a long prompt for a hang', async () => {
    await using inference = openInference([config], { timing: { hangSeconds: 1.2 } });
    await inference.preload();
    const long = Array.from({ length: 5_000 }, (_, index) => prompt[1 + (index % (prompt.length - 1))]!);
    const { usage } = await generate(inference, job(config.name, long, { maxTokens: 2 }));
    expect(usage.promptTokens).toBe(5_000);
    expect(inference.logged.filter(({ message }) => /engine .* killed/u.test(message))).toEqual([]);
  });

  it('leaves the other models alone', async () => {
    const other = { ...config, name: 'other' };
    await using inference = openInference([config, other]);
    await inference.preload();
    const victim = await startEndless(inference);
    const bystander = generate(inference, { ...endless(600), model: 'other' });
    const [dying, survivor] = inference.processIds().engines;
    const diedAt = performance.now();
    process.kill(dying!, 'SIGKILL');
    expect(await endWithin(failedMilliseconds, diedAt, victim.outcome)).toMatchObject({ code: 'ENGINE_CRASHED' });
    expect((await bystander).usage.completionTokens).toBe(600);
    expect(inference.processIds().engines).toContain(survivor);
  });

  it('stops trying after three crashes in a minute, says when it will try again, and does', async () => {
    await using inference = openInference([config], { timing: { restartSeconds: 0.01, pauseSeconds: 1 } });
    await inference.preload();
    for (let crash = 1; crash <= 3; crash++) {
      await untilLoaded(inference);
      const [pid] = inference.processIds().engines;
      process.kill(pid!, 'SIGKILL');
      await vi.waitFor(() => expect(inference.processIds().engines).not.toContain(pid), { timeout: 5000 });
    }
    expect(inference.models()[0]).toMatchObject({
      status: 'FAILED',
      error: expect.stringContaining('crashed 3 times'),
    });
    expect(inference.ready()).toBe(false);
    await expect(generate(inference, job(config.name, prompt))).rejects.toMatchObject({
      code: 'MODEL_UNAVAILABLE',
      facts: { retryAfterSeconds: 1 },
    });
    await vi.waitFor(() => generate(inference, job(config.name, prompt)), { timeout: 30_000, interval: 200 });
    expect(inference.models()[0]!.status).toBe('LOADED');
  });

  it('tries again by itself after that, so that a server without requests becomes ready', async () => {
    const timing = { crashes: 1, pauseSeconds: 0.3, reloadSeconds: 0.1 };
    await using inference = openInference([config], { timing });
    await inference.preload();
    process.kill(inference.processIds().engines[0]!, 'SIGKILL');
    await vi.waitFor(() => expect(inference.ready()).toBe(false), { timeout: 5000, interval: 1 });
    await untilLoaded(inference);
    expect(inference.ready()).toBe(true);
  });

  it('runs nothing of a replica that crashed on another, which goes on alone while the first rests after three crashes', async () => {
    const timing = { restartSeconds: 0.01, pauseSeconds: 2 };
    await using inference = openInference([{ ...config, replicas: 2 }], { timing });
    await inference.preload();
    const [, survivor] = inference.processIds().engines;
    const states = () => inference.pool().models[0]!.replicas.map(({ state }) => state);
    const { outcome } = await startEndless(inference);
    process.kill(inference.processIds().engines[0]!, 'SIGKILL');
    expect(await outcome).toMatchObject({ code: 'ENGINE_CRASHED' });
    expect(inference.pool().models[0]!.replicas.map(({ slotsBusy }) => slotsBusy)).toEqual([0, 0]);
    const untilBothReady = () =>
      vi.waitFor(() => expect(states()).toEqual(['READY', 'READY']), { timeout: 30_000, interval: 20 });
    for (let crash = 2; crash <= 3; crash++) {
      await untilBothReady();
      const [victim] = inference.processIds().engines;
      process.kill(victim!, 'SIGKILL');
      await vi.waitFor(() => expect(inference.processIds().engines).not.toContain(victim), { timeout: 5000 });
    }
    expect(states()).toEqual(['CIRCUIT_OPEN', 'READY']);
    expect(inference.models()[0]).toMatchObject({ status: 'LOADED', slots: 4, slotsInService: 2 });
    await generate(inference, job(config.name, prompt));
    expect(inference.processIds().engines).toEqual([survivor]);
    await vi.waitFor(
      async () => {
        await generate(inference, job(config.name, prompt));
        expect(states()).toEqual(['READY', 'READY']);
      },
      { timeout: 30_000, interval: 100 },
    );
    expect(inference.models()[0]!.slotsInService).toBe(4);
  });

  it('fails the requests that wait for an engine that dies while it loads', async () => {
    await using inference = openInference([config]);
    const waiting = generate(inference, job(config.name, prompt)).catch((error: unknown) => error);
    await vi.waitFor(() => expect(inference.processIds().engines).toHaveLength(1), { timeout: 30_000, interval: 5 });
    const diedAt = performance.now();
    process.kill(inference.processIds().engines[0]!, 'SIGKILL');
    expect(await endWithin(failedMilliseconds, diedAt, waiting)).toMatchObject({
      code: 'MODEL_UNAVAILABLE',
      facts: { retryAfterSeconds: 1 },
    });
    await expectBack(inference, diedAt);
  });

  it('cancels at once what waits for an engine to load', async () => {
    await using inference = openInference([config]);
    const stopping = new AbortController();
    const waiting = generate(inference, job(config.name, prompt, { n: 2 }), stopping.signal);
    stopping.abort();
    const { choices, usage } = await waiting;
    expect(choices.map(({ finishReason }) => finishReason)).toEqual(['CANCELLED', 'CANCELLED']);
    expect(usage.completionTokens).toBe(0);
  });

  it('starts the tokenizer again after it died, and fails its requests typed', async () => {
    await using inference = openInference([config]);
    const tokenize = () => inference.tokenize(config.name, { type: 'text', text: 'Once upon a time' });
    await tokenize();
    const pid = inference.processIds().tokenizer!;
    process.kill(pid, 'SIGSTOP');
    const waiting = tokenize();
    process.kill(pid, 'SIGKILL');
    await expect(waiting).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE', facts: { retryAfterSeconds: 1 } });
    expect((await tokenize()).tokens).toEqual(prompt);
    expect(inference.processIds().tokenizer).not.toBe(pid);
  });

  it('fails typed while no process can be started, and answers once one can', async () => {
    const environment: Record<string, string | undefined> = { ...process.env, TOO_LARGE: 'x'.repeat(200_000) };
    await using inference = openInference([config], { environment });
    const unavailable = { code: 'MODEL_UNAVAILABLE', facts: { retryAfterSeconds: 1 } };
    const tokenize = () => inference.tokenize(config.name, { type: 'text', text: 'Once upon a time' });
    await expect(tokenize()).rejects.toMatchObject(unavailable);
    await expect(generate(inference, job(config.name, prompt))).rejects.toMatchObject(unavailable);
    delete environment.TOO_LARGE;
    expect((await tokenize()).tokens).toEqual(prompt);
    environment.TOO_LARGE = 'x'.repeat(200_000);
    await expect(generate(inference, job(config.name, prompt))).rejects.toMatchObject(unavailable);
    delete environment.TOO_LARGE;
    await vi.waitFor(() => generate(inference, job(config.name, prompt)), { timeout: 30_000, interval: 20 });
    expect(inference.models()[0]!.status).toBe('LOADED');
  });

  describe('files that are no model', () => {
    const broken: Record<string, () => Promise<Buffer | undefined>> = {
      missing: async () => undefined,
      empty: async () => Buffer.alloc(0),
      'cut in its header': async () => (await readFile(model!.path)).subarray(0, 2000),
      'cut in its weights': async () => {
        const whole = await readFile(model!.path);
        return whole.subarray(0, Math.floor(whole.length * 0.7));
      },
      text: async () => Buffer.from('this is not a model '.repeat(500)),
      'noise behind the magic': async () => {
        const noise = Buffer.alloc(20_000);
        for (let index = 0; index < noise.length; index++) noise[index] = (index * 2654435761) >>> 13;
        noise.write('GGUF');
        noise.writeUInt32LE(3, 4);
        return noise;
      },
    };

    const pathOf = (kind: string) => join(directory, `${kind.replaceAll(' ', '-')}.gguf`);
    // One pool for all of them and one that is whole, which answers beside each.
    let inference: ReturnType<typeof openInference>;
    beforeAll(() => {
      const models = Object.keys(broken).map((kind) => ({ ...config, name: kind, source: `file:${pathOf(kind)}` }));
      inference = openInference([...models, config]);
    });
    afterAll(() => inference[Symbol.asyncDispose]());

    it.each(Object.keys(broken))(
      'a file that is %s makes its model FAILED, with the file and the reason',
      async (kind) => {
        const path = pathOf(kind);
        const file = basename(path);
        const namesTheFile = expect.toSatisfy((told: string) => told.includes(file) && !told.includes(directory));
        const content = await broken[kind]!();
        if (content !== undefined) await writeFile(path, content);
        const failure = await generate(inference, job(kind, prompt)).catch((error: unknown) => error);
        expect(failure).toMatchObject({ code: 'MODEL_UNAVAILABLE', message: namesTheFile });
        expect(inference.models().find(({ name }) => name === kind)).toMatchObject({
          status: 'FAILED',
          error: namesTheFile,
        });
        expect(inference.logged.some(({ message }) => message.includes(path))).toBe(true);
        expect((await generate(inference, job(config.name, prompt))).usage.completionTokens).toBe(12);
        const tokenized = await inference.tokenize(kind, { type: 'text', text: 'x' }).catch((error: unknown) => error);
        // A vocabulary may be whole where the weights are not.
        if (kind !== 'cut in its weights') {
          expect(tokenized).toMatchObject({ code: 'MODEL_UNAVAILABLE', message: namesTheFile });
        }
        expect((await inference.tokenize(config.name, { type: 'text', text: 'Once upon a time' })).tokens).toEqual(
          prompt,
        );
      },
    );

    it('answers once the file is there', async () => {
      const path = join(directory, 'late.gguf');
      await using inference = openInference([{ ...config, source: `file:${path}` }], {
        timing: { reloadSeconds: 0.1 },
      });
      await inference.preload();
      expect(inference.models()[0]!.status).toBe('FAILED');
      await copyFile(model!.path, path);
      await vi.waitFor(() => generate(inference, job(config.name, prompt)), { timeout: 30_000, interval: 100 });
      expect(inference.models()[0]!.status).toBe('LOADED');
    });

    it('is loaded by itself once the file is there, so that a server without requests becomes ready', async () => {
      const path = join(directory, 'later.gguf');
      await using inference = openInference([{ ...config, source: `file:${path}` }], {
        timing: { reloadSeconds: 0.1, reviveAtMostSeconds: 0.2 },
      });
      await inference.preload();
      expect(inference.ready()).toBe(false);
      await copyFile(model!.path, path);
      await untilLoaded(inference);
      expect(inference.ready()).toBe(true);
    });

    it('refuses a file with another SHA-256 than the configured', async () => {
      await using inference = openInference([{ ...config, sha256: '0'.repeat(64) }]);
      await expect(generate(inference, job(config.name, prompt))).rejects.toMatchObject({
        code: 'MODEL_UNAVAILABLE',
        message: expect.stringContaining('SHA-256'),
      });
    });
  });

  it('takes its processes along when the host is killed', async () => {
    const script = `
      const { openInference, modelConfig } = await import(${JSON.stringify(resolve('test/kit/models.ts'))});
      const { generate } = await import(${JSON.stringify(resolve('test/kit/generate.ts'))});
      const inference = openInference([modelConfig(${JSON.stringify(model)}, { contextSize: 16384 })]);
      await inference.preload();
      const work = ${JSON.stringify({ ...endless(), sampling: greedy })};
      work.sampling.logitBias = new Map([[work.promptTokens.at(-1), 1000]]);
      let said = false;
      await generate(inference, work, undefined, (part) => {
        if (part.type !== 'delta' || said) return;
        said = true;
        console.log(JSON.stringify(inference.processIds()));
      });`;
    const host = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: host.stdout }), 'line')) as [string];
    const { engines, tokenizer } = JSON.parse(line) as { engines: number[]; tokenizer: number };
    host.kill('SIGKILL');
    const children = [...engines, tokenizer];
    await vi.waitFor(() => expect(children.filter(isAlive)).toEqual([]), { timeout: goneMilliseconds, interval: 20 });
  });
});
