import { DomainError } from '../contracts/errors.ts';
import type { InferenceJob, InferencePart, ModelDescription, ModelFacts, ModelStatus } from '../contracts/inference.ts';
import type { PoolChange, PooledModel } from '../contracts/pool.ts';
import { untilAborted } from './abortable.ts';
import type { Environment } from './child-process.ts';
import { createDealer, type DealtPrompt } from './dealer.ts';
import { describeReplica } from './describe-replica.ts';
import type { Device } from './device/device.ts';
import { deviceOf, environmentSeeing } from './device/visible-device.ts';
import { unloadedMeanwhile } from './failures.ts';
import { type ChoiceEngine, generateChoices } from './generate-choices.ts';
import type { Log } from './log.ts';
import type { MemoryClaim } from './memory-place.ts';
import type { ModelConfig } from './model-config.ts';
import type { PoolTiming } from './pool-timing.ts';
import { createReplica } from './replica.ts';
import type { Residency } from './residency.ts';
import { createRevival } from './revival.ts';
import { createSlots, type Slots } from './slots.ts';

/** One model of the catalogue with its slots and replicas, in memory as the residency lets it. */
export interface ModelHost extends AsyncDisposable {
  readonly config: ModelConfig;
  readonly slots: Slots;
  describe(): ModelDescription;
  describePooled(): PooledModel;
  /** Whether it can answer, if it may be loaded for that. */
  readonly ready: boolean;
  generate(job: InferenceJob, signal: AbortSignal): AsyncIterable<InferencePart>;
  /** Resolves when a replica is ready, at once where one is. */
  whenReady(signal: AbortSignal): Promise<void>;
  /**
   * Loads every replica, whatever failed before; throws where none could be loaded. Only an unload ends that early: where the signal
   * aborts, it goes on without its caller.
   */
  load(signal: AbortSignal): Promise<void>;
  /**
   * Gives it room where there is some without another model having to leave, else undefined; the result has to be called, and loads it
   * there. Both throw as `load` does.
   */
  enterIfFree(): Promise<((signal: AbortSignal) => Promise<void>) | undefined>;
  unload(): Promise<void>;
  engineProcessIds(): readonly number[];
  /** What the tokenizer learnt about the model's file. */
  fileOpened(facts: ModelFacts): void;
  fileUnreadable(message: string): void;
}

export interface ModelHostOptions {
  readonly config: ModelConfig;
  readonly environment: Environment;
  readonly log: Log;
  readonly timing: PoolTiming;
  readonly residency: Residency;
  /** What it takes in memory, and where. */
  readonly claim: () => Promise<MemoryClaim>;
  /** The most that `threads: 'auto'` may come to. */
  readonly autoThreads: number;
  /** The GPU of a number, or all of them. */
  readonly device: (index: number | undefined) => Promise<Device>;
  readonly path: (signal: AbortSignal) => Promise<string>;
  readonly changed: (change: PoolChange) => void;
}

export function createModelHost(options: ModelHostOptions): ModelHost {
  const { config } = options;
  const slots = createSlots(config.sequences);
  let facts: ModelFacts | undefined;
  let fileProblem: string | undefined;
  /** Why it never fits in memory. */
  let misfit: string | undefined;
  let loadedBefore = false;
  let loads = new AbortController();

  const revival = createRevival(options.timing, revive);
  function changed(type: PoolChange['type'] = 'state'): void {
    options.changed({ model: config.name, type });
    revival.observe(status().status);
  }

  const replicas = Array.from({ length: config.replicas }, (_, index) =>
    createReplica({
      label: `engine ${config.name}/${index}`,
      environment: environmentSeeing(deviceOf(index, config.devices), options.environment),
      log: options.log,
      timing: options.timing,
      settings: async (signal) => ({
        modelPath: await options.path(signal),
        contextSize: config.contextSize,
        sequences: config.sequences,
        threads: config.threads === 'auto' ? { atMost: options.autoThreads } : config.threads,
        // Without a GPU, an engine need not try every way to one each time it starts.
        gpuLayers: (await options.device(deviceOf(index, config.devices))).type === 'none' ? 0 : config.gpuLayers,
        cacheType: config.cacheType,
        flashAttention: config.flashAttention,
      }),
      changed(type) {
        const ready = replicas.filter(({ state }) => state.type === 'ready').length;
        slots.resize(config.sequences * Math.max(1, ready));
        changed(type);
        if (resident.state === 'in') leaveWhenBroken();
      },
    }),
  );
  const dealer = createDealer(replicas, config.sequences);

  const resident = options.residency.join({
    name: config.name,
    keepAliveSeconds: config.keepAliveSeconds,
    claim: options.claim,
    unload: async () => void (await Promise.all(replicas.map((replica) => replica.unload()))),
    changed,
  });

  /** In memory until disposed, with a replica that was ready; which of them fail later is their business. */
  async function use(signal: AbortSignal): Promise<Disposable> {
    throwWhereRefused();
    const held = await hold(signal);
    try {
      await anyReady(signal);
      return held;
    } catch (error) {
      held[Symbol.dispose]();
      throw error;
    }
  }

  function throwWhereRefused(): void {
    const refusals = replicas.flatMap(({ refusal }) => refusal ?? []);
    if (refusals.length === replicas.length) throw refusals[0];
  }

  function noteMisfit(error: unknown): never {
    if (error instanceof DomainError && error.facts.retryAfterSeconds === undefined) {
      misfit = error.message;
      changed();
    }
    throw error;
  }

  /** What cannot be loaded needs no room. */
  function leaveWhenBroken(): void {
    if (replicas.every(({ state }) => state.type === 'broken')) void resident.leave();
  }

  function leavingWhenBroken(held: Disposable): Disposable {
    return {
      [Symbol.dispose]() {
        held[Symbol.dispose]();
        leaveWhenBroken();
      },
    };
  }

  async function anyReady(signal: AbortSignal): Promise<void> {
    // Asks all: one that is broken tries again when it may, also while others answer.
    await Promise.any(replicas.map((replica) => replica.whenReady(signal))).catch((error) => {
      throw error instanceof AggregateError ? error.errors[0] : error;
    });
    loadedBefore = true;
    misfit = undefined;
    resident.loaded();
  }

  async function engine(prompt: DealtPrompt, signal: AbortSignal): Promise<ChoiceEngine> {
    const held = await use(signal);
    const hand = dealer.deal(prompt);
    if (hand === undefined) {
      held[Symbol.dispose]();
      return engine(prompt, signal);
    }
    return {
      run: hand.replica.run,
      [Symbol.dispose]() {
        hand[Symbol.dispose]();
        held[Symbol.dispose]();
      },
    };
  }

  async function hold(signal: AbortSignal): Promise<Disposable> {
    return leavingWhenBroken(await resident.use(signal).catch(noteMisfit));
  }

  async function holdIfFree(): Promise<Disposable | undefined> {
    const held = await resident.useIfFree().catch(noteMisfit);
    return held && leavingWhenBroken(held);
  }

  async function revive(): Promise<void> {
    try {
      throwWhereRefused();
      using held = await holdIfFree();
      if (held !== undefined) await anyReady(loads.signal);
    } finally {
      revival.observe(status().status);
    }
  }

  async function loadAll(signal: AbortSignal): Promise<void> {
    for (const replica of replicas) replica.forgive();
    await Promise.allSettled(replicas.map((replica) => replica.whenReady(signal)));
    signal.throwIfAborted();
    await anyReady(signal);
  }

  function noteFileProblem(message: string | undefined): void {
    if (fileProblem === message) return;
    fileProblem = message;
    changed();
  }

  function status(): { status: ModelStatus; error?: string } {
    if (resident.state === 'leaving') return { status: 'UNLOADING' };
    const states = replicas.map((replica) => replica.state);
    if (states.some(({ type }) => type === 'ready')) return { status: 'LOADED' };
    if (states.some(({ type }) => type === 'loading' || type === 'crashed')) return { status: 'LOADING' };
    const broken = states.find((state) => state.type === 'broken');
    const error = broken?.message ?? fileProblem ?? misfit;
    if (error !== undefined) return { status: 'FAILED', error };
    return { status: resident.state === 'out' ? 'UNLOADED' : 'LOADING' };
  }

  return {
    config,
    slots,
    describe: () => ({
      name: config.name,
      aliases: config.aliases,
      source: config.source,
      ...status(),
      contextSize: config.contextSize,
      defaultMaxTokens: config.defaultMaxTokens,
      slots: config.sequences * config.replicas,
      slotsInService: slots.total,
      price: config.price,
      ...(facts && { facts }),
    }),
    describePooled: () => ({
      name: config.name,
      aliases: config.aliases,
      ...status(),
      reservedBytes: resident.bytes,
      replicas: replicas.map((replica, index) => describeReplica(replica, index, config.sequences)),
    }),
    get ready() {
      const now = status().status;
      if (now === 'LOADED') return true;
      const broken = now === 'FAILED' || replicas.some(({ state }) => state.type === 'crashed');
      return !broken && (config.load === 'demand' || (loadedBefore && resident.state !== 'in'));
    },
    generate(job, signal) {
      const cacheScope = config.cacheSharing === 'all' ? everybody : job.cacheScope;
      const host = { engine, extraSlot: (signal: AbortSignal) => slots.acquire('extra', signal) };
      return generateChoices({ ...job, cacheScope }, host, signal);
    },
    async whenReady(signal) {
      using _held = await use(signal);
    },
    load(signal) {
      return untilAborted(signal, async () => {
        const unloaded = loads.signal;
        using _held = await hold(unloaded);
        await loadAll(unloaded);
      });
    },
    async enterIfFree() {
      const held = await holdIfFree();
      if (held === undefined) return undefined;
      return async (signal) => {
        using _held = held;
        await loadAll(signal);
      };
    },
    unload() {
      loads.abort(unloadedMeanwhile());
      loads = new AbortController();
      revival.cancel();
      return resident.leave();
    },
    engineProcessIds: () => replicas.flatMap(({ pid }) => pid ?? []),
    fileOpened(opened) {
      facts = opened;
      noteFileProblem(undefined);
    },
    fileUnreadable: noteFileProblem,
    async [Symbol.asyncDispose]() {
      revival[Symbol.dispose]();
      await Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]()));
    },
  };
}

const everybody = 'all';
