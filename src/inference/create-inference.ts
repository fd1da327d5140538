import { DomainError } from '../contracts/errors.ts';
import type { Inference, Slot } from '../contracts/inference.ts';
import type { PoolChange } from '../contracts/pool.ts';
import { createListeners } from '../lib/listeners.ts';
import { retryWithBackoff } from '../lib/retry.ts';
import type { Environment } from './child-process.ts';
import { createDevices } from './device/devices.ts';
import type { Log } from './log.ts';
import { type MemoryBudget, readMemoryBudget } from './memory-budget.ts';
import { claimMemory } from './memory-claim.ts';
import { replicaBytes } from './memory-need.ts';
import type { ModelConfig } from './model-config.ts';
import { createModelFiles } from './model-files.ts';
import { createModelHost, type ModelHost } from './model-host.ts';
import { createModelSources } from './model-source.ts';
import { defaultTiming, type PoolTiming } from './pool-timing.ts';
import { preload } from './preload.ts';
import { requireTokens } from './require-tokens.ts';
import { createResidency } from './residency.ts';
import { threadsPerEngine, usableCores } from './usable-cores.ts';

export interface InferenceOptions {
  readonly models: readonly ModelConfig[];
  /** What relative `file:` sources are relative to. */
  readonly baseDirectory: string;
  /** Where downloads are kept. */
  readonly modelsDirectory: string;
  /** The variables that child processes inherit; our own settings and secrets are left out. */
  readonly environment: Environment;
  readonly log: Log;
  /** Instead of https://huggingface.co/, for `hf:` sources. */
  readonly huggingFaceEndpoint?: string;
  /** What all models may take together; read from the machine where absent. */
  readonly memoryBytes?: number;
  readonly timing?: Partial<PoolTiming>;
}

/** The pool: a process per replica, and one for the tokenizers. */
export interface LocalInference extends Inference {
  /**
   * Loads the models that are to be loaded with the server, as far as they fit together, in the order of the configuration, so that
   * the first request need not wait; those that have to be fetched come last. Never rejects: failures show in `models()`.
   */
  preload(signal?: AbortSignal): Promise<void>;
  /** Of the processes that live now; for tests and diagnostics. */
  processIds(): { readonly engines: readonly number[]; readonly tokenizer: number | undefined };
}

export function createInference(options: InferenceOptions): LocalInference {
  const timing = { ...defaultTiming, ...options.timing };
  const { environment, log } = options;
  const disposing = new AbortController();
  const sources = createModelSources(options);
  const files = createModelFiles(sources, {
    environment,
    log,
    hangSeconds: timing.hangSeconds,
    reopenSeconds: timing.pauseSeconds,
  });
  const hosts = new Map<string, ModelHost>();
  const watchers = createListeners<PoolChange>();

  const engines = options.models.reduce((sum, { replicas }) => sum + replicas, 0);
  const devices = createDevices(options.models, { environment, hangSeconds: timing.hangSeconds, log });
  let readingBudget: Promise<MemoryBudget> | undefined;
  let budgetBytes: number | null = null;
  async function budget(): Promise<MemoryBudget> {
    if (readingBudget === undefined) {
      readingBudget = readMemoryBudget({
        configuredBytes: options.memoryBytes,
        dealt: devices.dealt,
        anyGpu: devices.any,
        device: devices.look,
      });
      readingBudget.catch(() => {
        readingBudget = undefined;
      });
    }
    const read = await readingBudget;
    budgetBytes = read.bytes;
    return read;
  }

  const residency = createResidency({
    // Asked once: what fails is told by the claims, which need the budget as well.
    capacities: async () => {
      const read = await retryWithBackoff(budget, { signal: disposing.signal, shouldRetry: () => true });
      return read.capacities;
    },
  });
  const autoThreads = threadsPerEngine(usableCores(), engines);
  for (const config of options.models) {
    hosts.set(
      config.name,
      createModelHost({
        config,
        environment,
        log,
        timing,
        autoThreads,
        residency,
        async claim() {
          const facts = await files.facts(hostOf(config.name));
          return claimMemory(config, replicaBytes(facts, config), await budget());
        },
        device: devices.look,
        path: (signal) => files.forEngine(hostOf(config.name), signal),
        changed: watchers.emit,
      }),
    );
  }

  function hostOf(model: string): ModelHost {
    const host = hosts.get(model);
    if (host === undefined) throw new DomainError('MODEL_NOT_FOUND', `There is no model "${model}".`);
    return host;
  }

  return {
    models: () => [...hosts.values()].map((host) => host.describe()),

    async tokenize(model, input, signal) {
      const host = hostOf(model);
      if (input.type !== 'tokens') return files.tokenize(host, input, signal);
      const { vocabularySize } = await files.facts(host, signal);
      return { tokens: requireTokens(input.tokens, vocabularySize, model) };
    },

    async acquireSlot(model, signal) {
      const slot = await hostOf(model).slots.acquire('first', signal);
      return { model, [Symbol.dispose]: () => slot[Symbol.dispose]() } satisfies Slot;
    },

    prepare: (slot, signal) => hostOf(slot.model).whenReady(signal),

    generate(job, slot, signal) {
      if (slot.model !== job.model) throw new Error(`a slot of ${slot.model} cannot run a job of ${job.model}`);
      return hostOf(job.model).generate(job, signal);
    },

    load: async (model, signal) => hostOf(model).load(signal),
    unload: async (model) => hostOf(model).unload(),

    ready: () => [...hosts.values()].some(({ ready }) => ready),

    pool: () => ({
      models: [...hosts.values()].map((host) => host.describePooled()),
      memoryBytes: budgetBytes,
      places: residency.places(),
    }),
    watchPool: watchers.add,

    preload: (signal = disposing.signal) =>
      preload([...hosts.values()], {
        isHere: ({ config }) => sources.isHere(config),
        fetch: (host) => files.facts(host, signal),
        log,
        signal,
      }),

    processIds: () => ({
      engines: [...hosts.values()].flatMap((host) => host.engineProcessIds()),
      tokenizer: files.tokenizerPid,
    }),

    async [Symbol.asyncDispose]() {
      disposing.abort();
      residency[Symbol.dispose]();
      await Promise.all([...hosts.values(), files, devices].map((part) => part[Symbol.asyncDispose]()));
    },
  };
}
