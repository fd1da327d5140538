import { DomainError } from '../contracts/errors.ts';
import type { Inference, ModelFacts, Slot } from '../contracts/inference.ts';
import type { PoolChange } from '../contracts/pool.ts';
import { createListeners } from '../lib/listeners.ts';
import type { Environment } from './child-process.ts';
import type { ModelConfig } from './model-config.ts';
import { createModelHost, type ModelHost } from './model-host.ts';
import { createModelSources } from './model-source.ts';
import type { Log } from './protocol.ts';
import { defaultTiming, type PoolTiming } from './replica.ts';
import { requireTokens } from './require-tokens.ts';
import { createTokenizerClient, type TokenizerModelRef } from './tokenizer/client.ts';
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
  readonly timing?: Partial<PoolTiming>;
}

/** The pool: a process per replica, and one for the tokenizers. */
export interface LocalInference extends Inference {
  /** Loads every model, so that the first request need not wait. Never rejects: failures show in `models()`. */
  preload(signal?: AbortSignal): Promise<void>;
  /** Of the processes that live now; for tests and diagnostics. */
  processIds(): { readonly engines: readonly number[]; readonly tokenizer: number | undefined };
}

export function createInference(options: InferenceOptions): LocalInference {
  const timing = { ...defaultTiming, ...options.timing };
  const { environment, log } = options;
  const disposing = new AbortController();
  const sources = createModelSources(options);
  const hosts = new Map<string, ModelHost>();
  const hostsByPath = new Map<string, Set<ModelHost>>();
  const factsByPath = new Map<string, ModelFacts>();
  const watchers = createListeners<PoolChange>();

  const engines = options.models.reduce((sum, { replicas }) => sum + replicas, 0);
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
        path: (signal) => sources.path(config, signal),
        changed: watchers.emit,
      }),
    );
  }

  const tokenizer = createTokenizerClient({
    environment,
    log,
    hangSeconds: timing.hangSeconds,
    reopenSeconds: timing.pauseSeconds,
    opened(path, facts) {
      factsByPath.set(path, facts);
      eachHost(path, (host) => host.fileOpened(facts));
    },
    unreadable: (path, message) => eachHost(path, (host) => host.fileUnreadable(message)),
  });

  function eachHost(path: string, act: (host: ModelHost) => void): void {
    for (const host of hostsByPath.get(path) ?? []) act(host);
  }

  function hostOf(model: string): ModelHost {
    const host = hosts.get(model);
    if (host === undefined) throw new DomainError('MODEL_NOT_FOUND', `There is no model "${model}".`);
    return host;
  }

  async function tokenizerModel(host: ModelHost): Promise<TokenizerModelRef> {
    let path: string;
    try {
      path = await sources.path(host.config, disposing.signal);
    } catch (error) {
      host.fileUnreadable(error instanceof Error ? error.message : String(error));
      throw error;
    }
    const sharing = hostsByPath.get(path) ?? new Set();
    hostsByPath.set(path, sharing.add(host));
    const facts = factsByPath.get(path);
    if (facts !== undefined) host.fileOpened(facts);
    return { name: host.config.name, path, contextSize: host.config.contextSize };
  }

  async function vocabularySize(model: TokenizerModelRef, signal?: AbortSignal): Promise<number> {
    if (!factsByPath.has(model.path)) await openVocabulary(model, signal);
    return factsByPath.get(model.path)!.vocabularySize;
  }

  function openVocabulary(model: TokenizerModelRef, signal?: AbortSignal): Promise<unknown> {
    return tokenizer.tokenize(model, { type: 'text', text: '' }, signal);
  }

  return {
    models: () => [...hosts.values()].map((host) => host.describe()),

    async tokenize(model, input, signal) {
      const opened = await tokenizerModel(hostOf(model));
      if (input.type !== 'tokens') return tokenizer.tokenize(opened, input, signal);
      return { tokens: requireTokens(input.tokens, await vocabularySize(opened, signal), model) };
    },

    async acquireSlot(model, signal) {
      const slot = await hostOf(model).slots.acquire('first', signal);
      return { model, [Symbol.dispose]: () => slot[Symbol.dispose]() } satisfies Slot;
    },

    generate(job, slot, signal) {
      if (slot.model !== job.model) throw new Error(`a slot of ${slot.model} cannot run a job of ${job.model}`);
      return hostOf(job.model).generate(job, signal);
    },

    ready: () => [...hosts.values()].some((host) => host.describe().status === 'LOADED'),

    pool: () => ({ models: [...hosts.values()].map((host) => host.describeReplicas()), memoryBytes: null }),
    watchPool: watchers.add,

    async preload(signal = disposing.signal) {
      await Promise.all(
        [...hosts.values()].map(async (host) => {
          await host.load(signal);
          // Opens the vocabulary too, so that the facts are known.
          await tokenizerModel(host)
            .then((model) => openVocabulary(model, signal))
            .catch(() => {});
        }),
      );
    },

    processIds: () => ({
      engines: [...hosts.values()].flatMap((host) => host.engineProcessIds()),
      tokenizer: tokenizer.pid,
    }),

    async [Symbol.asyncDispose]() {
      disposing.abort();
      await Promise.all([...hosts.values(), tokenizer].map((part) => part[Symbol.asyncDispose]()));
    },
  };
}
