import type { InferenceJob, InferencePart, ModelDescription, ModelFacts, ModelStatus } from '../contracts/inference.ts';
import type { PoolChange, PooledModel } from '../contracts/pool.ts';
import type { Environment } from './child-process.ts';
import { describeReplica } from './describe-replica.ts';
import { type ChoiceEngine, generateChoices } from './generate-choices.ts';
import type { ModelConfig } from './model-config.ts';
import type { Log } from './protocol.ts';
import { createReplica, type PoolTiming, type Replica } from './replica.ts';
import { createSlots, type Slots } from './slots.ts';

/** One model of the catalogue with its slots and replicas. */
export interface ModelHost extends AsyncDisposable {
  readonly config: ModelConfig;
  readonly slots: Slots;
  describe(): ModelDescription;
  describeReplicas(): PooledModel;
  generate(job: InferenceJob, signal: AbortSignal): AsyncIterable<InferencePart>;
  /** Loads every replica; failures show in the description. */
  load(signal: AbortSignal): Promise<void>;
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
  /** What `threads: 'auto'` comes to. */
  readonly autoThreads: number;
  readonly path: (signal: AbortSignal) => Promise<string>;
  readonly changed: (change: PoolChange) => void;
}

export function createModelHost(options: ModelHostOptions): ModelHost {
  const { config } = options;
  const slots = createSlots(config.sequences * config.replicas);
  let facts: ModelFacts | undefined;
  let fileProblem: string | undefined;

  const replicas = Array.from({ length: config.replicas }, (_, index) =>
    createReplica({
      label: `engine ${config.name}/${index}`,
      environment: options.environment,
      log: options.log,
      timing: options.timing,
      settings: async (signal) => ({
        modelPath: await options.path(signal),
        contextSize: config.contextSize,
        sequences: config.sequences,
        threads: config.threads === 'auto' ? options.autoThreads : config.threads,
        gpuLayers: config.gpuLayers,
      }),
      changed: (type) => options.changed({ model: config.name, type }),
    }),
  );

  async function engine(scope: string, signal: AbortSignal): Promise<ChoiceEngine> {
    const ready = () => leastLoaded(replicas, config.sequences, scope);
    const now = ready();
    if (now !== undefined) return now;
    try {
      await Promise.any(replicas.map((replica) => replica.whenReady(signal)));
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error;
    }
    return ready() ?? engine(scope, signal);
  }

  function noteFileProblem(message: string | undefined): void {
    if (fileProblem === message) return;
    fileProblem = message;
    options.changed({ model: config.name, type: 'state' });
  }

  function status(): { status: ModelStatus; error?: string } {
    const states = replicas.map((replica) => replica.state);
    if (states.some(({ type }) => type === 'ready')) return { status: 'LOADED' };
    if (states.some(({ type }) => type === 'loading' || type === 'crashed')) return { status: 'LOADING' };
    const broken = states.find((state) => state.type === 'broken');
    const error = broken?.message ?? fileProblem;
    return error === undefined ? { status: 'UNLOADED' } : { status: 'FAILED', error };
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
      slots: slots.total,
      price: config.price,
      ...(facts && { facts }),
    }),
    describeReplicas: () => ({
      name: config.name,
      aliases: config.aliases,
      ...status(),
      reservedBytes: 0,
      replicas: replicas.map((replica, index) => describeReplica(replica, index, config.sequences)),
    }),
    generate: (job, signal) =>
      generateChoices(job, { engine, extraSlot: (signal) => slots.acquire('extra', signal) }, signal),
    async load(signal) {
      await Promise.allSettled(replicas.map((replica) => replica.whenReady(signal)));
    },
    engineProcessIds: () => replicas.flatMap(({ pid }) => pid ?? []),
    fileOpened(opened) {
      facts = opened;
      noteFileProblem(undefined);
    },
    fileUnreadable(message) {
      noteFileProblem(message);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]()));
    },
  };
}

/** Of the replicas that can answer: one with a free sequence that knows the scope, else the least loaded. */
function leastLoaded(replicas: readonly Replica[], sequences: number, scope: string): Replica | undefined {
  const ready = replicas.filter((replica) => replica.state.type === 'ready');
  const familiar = ready.find((replica) => replica.load < sequences && replica.lastScope === scope);
  return familiar ?? ready.sort((a, b) => a.load - b.load)[0];
}
