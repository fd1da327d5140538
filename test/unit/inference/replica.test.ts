import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ChoiceWork } from '../../../src/inference/generate-choices.ts';
import { defaultTiming } from '../../../src/inference/pool-timing.ts';
import type { EngineSettings, FromEngine, ToEngine } from '../../../src/inference/protocol.ts';
import { createReplica } from '../../../src/inference/replica.ts';
import { createFakeChildren } from './fixtures/fake-children.ts';

const forever = new AbortController().signal;
const onGpu: EngineSettings = { modelPath: '/m.gguf', contextSize: 8, sequences: 1, threads: 1, gpuLayers: 'auto' };
const loaded: FromEngine = {
  type: 'loaded',
  facts: {
    device: 'GPU',
    gpuLayers: 1,
    layers: 1,
    threads: 1,
    memoryBytes: 1,
    gpuMemoryBytes: 1,
    flashAttention: true,
    cacheType: 'F16',
    copiesPrompts: true,
  },
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function open() {
  const children = createFakeChildren<ToEngine, FromEngine>();
  const replica = createReplica(
    {
      label: 'engine m/0',
      environment: {},
      log: () => {},
      timing: defaultTiming,
      settings: async () => onGpu,
      changed: () => {},
    },
    children.start,
  );
  const settled = () => vi.advanceTimersByTimeAsync(0);
  return {
    replica,
    plan: children.plan,
    started: children.started,
    settled,
    /** The layers that the newest process was told to put on the GPU. */
    layers: () =>
      children.started.at(-1)!.sent.flatMap((message) => (message.type === 'load' ? message.settings.gpuLayers : [])),
    wait: () => replica.whenReady(forever).catch((error: unknown) => error),
    /** The newest process dies, and the next one is started where one is. */
    async die() {
      children.started.at(-1)!.end('died of SIGKILL');
      await vi.advanceTimersByTimeAsync(1_000);
    },
  };
}

test('an engine that cannot be started is a failed load, and is tried again by itself', async () => {
  const { replica, plan, started, wait, settled, layers } = open();
  plan.canStart = false;
  expect(await wait()).toMatchObject({ code: 'MODEL_UNAVAILABLE', facts: { retryAfterSeconds: 1 } });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(started).toHaveLength(3);
  expect(replica.state).toMatchObject({ type: 'broken', message: expect.stringContaining('spawn EMFILE') });
  plan.canStart = true;
  await vi.advanceTimersByTimeAsync(defaultTiming.pauseSeconds * 1_000);
  const ready = wait();
  await settled();
  expect(layers()).toEqual(['auto']);
  started.at(-1)!.say(loaded);
  expect(await ready).toBeUndefined();
});

test('an engine that died twice while loading tries the CPU, until past failures are forgiven', async () => {
  const { replica, wait, settled, layers, die } = open();
  void wait();
  await settled();
  for (const expected of ['auto', 'auto', 0]) {
    expect(layers()).toEqual([expected]);
    await die();
  }
  expect(replica.state.type).toBe('broken');
  replica.forgive();
  void wait();
  await settled();
  expect(layers()).toEqual(['auto']);
});

test('an engine that cannot evaluate any more is ended, its requests with it, and another takes its place', async () => {
  const { replica, started, wait, settled } = open();
  const ready = wait();
  await settled();
  started[0]!.say(loaded);
  await ready;
  const failed = vi.fn();
  replica.run({} as ChoiceWork, { started() {}, piece() {}, failed });
  started[0]!.say({ type: 'broke', message: 'no memory' });
  expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: 'ENGINE_CRASHED' }));
  expect(replica.state.type).toBe('crashed');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(started).toHaveLength(2);
  expect(replica.restarts).toBe(1);
});

test('nothing is started any more once it was closed', async () => {
  const { replica, started, wait } = open();
  await replica[Symbol.asyncDispose]();
  expect(await wait()).toMatchObject({ code: 'MODEL_UNAVAILABLE' });
  expect(started).toHaveLength(0);
});

test('an engine that dies each time it loads is given up, however long each load took', async () => {
  const { replica, started, wait, settled } = open();
  void wait();
  await settled();
  for (let death = 1; death <= defaultTiming.crashes; death++) {
    expect(replica.state.type).toBe('loading');
    await vi.advanceTimersByTimeAsync(120_000);
    started.at(-1)!.end('made no progress for 120 s and was killed');
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(started).toHaveLength(defaultTiming.crashes);
  expect(replica.state).toMatchObject({
    type: 'broken',
    because: 'crashes',
    message: 'the engine crashed 3 times in a row; last it made no progress for 120 s and was killed while it loaded',
  });
});
