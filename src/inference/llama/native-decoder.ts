import type { LlamaContext, LlamaContextSequence } from 'node-llama-cpp';
import type { Decoder, Sampler } from '../child/decoder.ts';
import type { ChoiceSampling } from '../protocol.ts';
import { nativeSeed } from './native-seed.ts';
import { snapshotInFile } from './snapshot-in-file.ts';

/**
 * The batch loop's way straight to the native context. The public `sequence.evaluate()` waits for each sequence's consumer
 * before it forms the next batch, and so decodes N − 1 of N sequences a step. These entries are private to the library
 * (pinned): this file is the only one that knows them, and `nativeDecoder` is undefined where one is missing.
 */
interface NativeContext {
  initBatch(size: number): void;
  addToBatch(sequence: number, position: number, tokens: Uint32Array, logitIndexes: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(logitIndex: number, sampler: NativeSampler): Promise<number>;
  disposeSequence(sequence: number): void;
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean;
  saveSequenceStateToFile(path: string, sequence: number, tokens: Uint32Array): Promise<number>;
  /** Reads the tokens alone where there is no room for any. */
  loadSequenceStateFromFile(path: string, sequence: number, roomForTokens: number): Promise<Uint32Array>;
  setThreads(count: number): void;
}

interface NativeSampler {
  applyConfig(config: NativeSamplerConfig): void;
  dispose(): void;
}

interface NativeSamplerConfig {
  temperature: number;
  topK?: number;
  topP?: number;
  minP?: number;
  seed: number;
  repeatPenalty?: number;
  repeatPenaltyMaxTokens?: number;
  repeatPenaltyTokens?: Uint32Array;
  repeatPenaltyPresencePenalty?: number;
  repeatPenaltyFrequencyPenalty?: number;
  tokenBiasKeys?: Uint32Array;
  tokenBiasValues?: Float32Array;
}

interface PrivateEntries {
  readonly context: NativeContext;
  readonly createSampler: () => NativeSampler;
  readonly sequenceIds: readonly number[];
}

/** A sequence that is garbage-collected clears its cells in the native context: ours must live as long as the decoder. */
interface NativeDecoder extends Decoder {
  readonly alive: readonly LlamaContextSequence[];
}

interface NativeChoiceSampler extends Sampler {
  readonly native: NativeSampler;
}

/**
 * With one thread in libuv's pool, as engine processes have it, samples that are queued right behind the evaluation are drawn there as
 * soon as it is done, without waking our thread in between. Behind an evaluation that failed they are drawn from old logits or none, and
 * nobody gets them.
 */
// biome-ignore lint/style/noProcessEnv: no setting of ours, a fact about this process
const jobsRunInOrder = process.env.UV_THREADPOOL_SIZE === '1';

export function nativeDecoder(
  context: LlamaContext,
  sequences: readonly LlamaContextSequence[],
): NativeDecoder | undefined {
  const entries = privateEntries(context, sequences);
  if (entries === undefined) return undefined;
  const { context: native, createSampler, sequenceIds } = entries;
  /** A state that is not per token (recurrent, sliding window) can be extended but not cut. */
  const canCut = !sequences[0]!.needsCheckpoints;
  const lengths = sequences.map(() => 0);

  function keep(sequence: number, length: number): boolean {
    const id = sequenceIds[sequence]!;
    if (length === lengths[sequence]) return true;
    const kept = length > 0 && canCut && native.removeTokenCellsFromSequence(id, length, -1);
    if (!kept) native.disposeSequence(id);
    lengths[sequence] = kept ? length : 0;
    return kept || length === 0;
  }

  return {
    alive: sequences,
    sequences: sequences.length,
    contextSize: context.contextSize,
    batchSize: context.batchSize,
    get threads() {
      return context.currentThreads;
    },

    useThreads: (count) => native.setThreads(count),

    async step(batch) {
      native.initBatch(batch.reduce((sum, entry) => sum + entry.tokens.length, 0));
      const logits = batch.map(({ sequence, position, tokens, sampler, logits: wantsLogits }) => {
        const wanted = sampler || wantsLogits ? [tokens.length - 1] : [];
        lengths[sequence] = position + tokens.length;
        return native.addToBatch(
          sequenceIds[sequence]!,
          position,
          Uint32Array.from(tokens),
          Uint32Array.from(wanted),
        )[0];
      });
      const decoded = native.decodeBatch();
      if (!jobsRunInOrder) await decoded;
      const sampled = batch.map(async (entry, index) => {
        const logit = logits[index];
        if (entry.sampler === undefined || logit === undefined) return undefined;
        const token = await native.sampleToken(logit, (entry.sampler as NativeChoiceSampler).native);
        if (token < 0) throw new Error('the model gave no probabilities to sample from');
        return token;
      });
      // Nothing may be touched while one of them is at work, also where another has failed.
      await Promise.allSettled([decoded, ...sampled]);
      await decoded;
      return Promise.all(sampled);
    },

    keep,
    canCopy: canCut,

    snapshot(source) {
      const held = lengths[source]!;
      return snapshotInFile({
        save: (path) => native.saveSequenceStateToFile(path, sequenceIds[source]!, new Uint32Array()),
        async load(path, sequence, length) {
          keep(sequence, 0);
          await native.loadSequenceStateFromFile(path, sequenceIds[sequence]!, 1);
          lengths[sequence] = held;
          if (!keep(sequence, length)) throw new Error('the state that was read cannot be cut');
        },
      });
    },

    sampler(sampling) {
      const sampler = createSampler();
      sampler.applyConfig(samplerConfig(sampling, context.contextSize));
      return { sampling, native: sampler, [Symbol.dispose]: () => sampler.dispose() } satisfies NativeChoiceSampler;
    },
  };
}

/** Applied once per choice: the native sampler then takes note of what it sampled itself. */
function samplerConfig(sampling: ChoiceSampling, contextSize: number): NativeSamplerConfig {
  const penalised = sampling.repeatPenalty !== 1 || sampling.presencePenalty !== 0 || sampling.frequencyPenalty !== 0;
  return {
    temperature: sampling.temperature,
    seed: nativeSeed(sampling.seed),
    ...(sampling.topK > 0 && { topK: sampling.topK }),
    ...(sampling.topP < 1 && { topP: sampling.topP }),
    ...(sampling.minP > 0 && { minP: sampling.minP }),
    ...(penalised && {
      repeatPenalty: sampling.repeatPenalty,
      repeatPenaltyMaxTokens: contextSize,
      repeatPenaltyTokens: new Uint32Array(),
      repeatPenaltyPresencePenalty: sampling.presencePenalty,
      repeatPenaltyFrequencyPenalty: sampling.frequencyPenalty,
    }),
    ...(sampling.logitBias.length > 0 && {
      tokenBiasKeys: Uint32Array.from(sampling.logitBias, ([token]) => token),
      tokenBiasValues: Float32Array.from(sampling.logitBias, ([, bias]) => bias),
    }),
  };
}

const contextEntries = [
  'initBatch',
  'addToBatch',
  'decodeBatch',
  'sampleToken',
  'disposeSequence',
  'removeTokenCellsFromSequence',
  'saveSequenceStateToFile',
  'loadSequenceStateFromFile',
  'setThreads',
] as const satisfies readonly (keyof NativeContext)[];

function privateEntries(context: LlamaContext, sequences: readonly LlamaContextSequence[]): PrivateEntries | undefined {
  const native = property(context, '_ctx');
  if (!contextEntries.every((name) => typeof property(native, name) === 'function')) return undefined;
  const model = property(context.model, '_model');
  const Sampler = property(property(context.model.llama, '_bindings'), 'AddonSampler');
  const sequenceIds = sequences.map((sequence) => property(sequence, '_sequenceId'));
  if (model === undefined || typeof Sampler !== 'function') return undefined;
  if (!sequenceIds.every((id) => typeof id === 'number')) return undefined;
  const NativeSamplerClass = Sampler as new (model: unknown) => NativeSampler;
  return {
    context: native as NativeContext,
    createSampler: () => new NativeSamplerClass(model),
    sequenceIds,
  };
}

function property(owner: unknown, name: string): unknown {
  return owner === null || typeof owner !== 'object' ? undefined : (owner as Record<string, unknown>)[name];
}
