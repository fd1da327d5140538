import {
  type LlamaContext,
  type LlamaContextSequence,
  type SequenceEvaluateOptions,
  type Token,
  TokenBias,
} from 'node-llama-cpp';
import type { BatchEntry, Decoder, Sampler } from '../child/decoder.ts';
import type { ChoiceSampling } from '../protocol.ts';
import { nativeSeed } from './native-seed.ts';
import { snapshotInFile } from './snapshot-in-file.ts';

/**
 * The same decoder on the library's public API alone: slower (the library forms the batches), for a version of it whose
 * private entries are not those that `native-decoder` knows.
 */
export function publicDecoder(context: LlamaContext, sequences: readonly LlamaContextSequence[]): Decoder {
  const { llama } = context.model;
  const canCut = !sequences[0]!.needsCheckpoints;
  const clearing = sequences.map((): Promise<void> => Promise.resolve());

  async function evaluate(entry: BatchEntry): Promise<number | undefined> {
    await clearing[entry.sequence];
    const sequence = sequences[entry.sequence]!;
    if (sequence.nextTokenIndex > entry.position) {
      await sequence.eraseContextTokenRanges([{ start: entry.position, end: sequence.nextTokenIndex }]);
    }
    const tokens = [...entry.tokens] as Token[];
    const sampler = entry.sampler as PublicChoiceSampler | undefined;
    if (sampler === undefined) {
      await sequence.evaluateWithoutGeneratingNewTokens(tokens);
      return undefined;
    }
    const last = tokens.pop()!;
    const options = sampler.next();
    const results = await sequence.controlledEvaluate([...tokens, [last, { generateNext: { token: true, options } }]]);
    const token = results.at(-1)?.next.token;
    if (token === undefined || token === null) throw new Error('the model gave no probabilities to sample from');
    sampler.generated.push(token);
    return token;
  }

  return {
    sequences: sequences.length,
    contextSize: context.contextSize,
    batchSize: context.batchSize,
    get threads() {
      return llama.maxThreads;
    },
    useThreads(count) {
      llama.maxThreads = count;
    },
    step: (entries) => Promise.all(entries.map(evaluate)),
    keep(index, length) {
      const sequence = sequences[index]!;
      if (length === sequence.nextTokenIndex || (length > 0 && canCut)) return true;
      clearing[index] = sequence.clearHistory();
      return length === 0;
    },
    canCopy: canCut,
    snapshot: (source) =>
      snapshotInFile({
        async save(path) {
          await clearing[source];
          await sequences[source]!.saveStateToFile(path);
        },
        async load(path, target) {
          await clearing[target];
          await sequences[target]!.loadStateFromFile(path, { acceptRisk: true });
          // What is beyond the length is erased by the step that goes on from there.
        },
      }),
    sampler: (sampling) => publicSampler(sampling, context),
  };
}

interface PublicChoiceSampler extends Sampler {
  readonly generated: Token[];
  next(): SequenceEvaluateOptions;
}

function publicSampler(sampling: ChoiceSampling, context: LlamaContext): PublicChoiceSampler {
  const generated: Token[] = [];
  const bias = new TokenBias(context.model.tokenizer);
  for (const [token, value] of sampling.logitBias) bias.set(token as Token, { logit: value });
  return {
    sampling,
    generated,
    next: () => ({
      temperature: sampling.temperature,
      topK: sampling.topK,
      topP: sampling.topP,
      minP: sampling.minP,
      /** A sampler of the public API lives for one token: each token has its own place in the seed's series. */
      seed: nativeSeed(sampling.seed + Math.imul(generated.length, 0x9e3779b1)),
      repeatPenalty: {
        punishTokens: generated,
        maxPunishTokens: context.contextSize,
        penalty: sampling.repeatPenalty,
        presencePenalty: sampling.presencePenalty,
        frequencyPenalty: sampling.frequencyPenalty,
      },
      tokenBias: bias,
    }),
    [Symbol.dispose]: () => {},
  };
}
