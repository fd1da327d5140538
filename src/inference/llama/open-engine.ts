import { setImmediate } from 'node:timers/promises';
import { GgmlType, type Llama, type LlamaContext, LlamaLogLevel, type LlamaModel, type Token } from 'node-llama-cpp';
import type { EngineFacts } from '../../contracts/pool.ts';
import type { CacheType } from '../cache-type.ts';
import { chooseThreads } from '../child/choose-threads.ts';
import type { Decoder, Vocabulary } from '../child/decoder.ts';
import { stepMeasure } from '../child/measure-step.ts';
import { type FlashAttentionSetting, isSlowerOnCpu } from '../flash-attention.ts';
import type { Log } from '../log.ts';
import type { EngineSettings } from '../protocol.ts';
import { tokensPerStep } from '../step-size.ts';
import { attentionFacts } from './attention-facts.ts';
import { layersThatFit } from './layers-that-fit.ts';
import { loadWithFallback } from './load-with-fallback.ts';
import { nativeDecoder } from './native-decoder.ts';
import { openLlama, withLastComplaint } from './open-llama.ts';
import { publicDecoder } from './public-decoder.ts';

export interface OpenEngine {
  readonly decoder: Decoder;
  readonly vocabulary: Vocabulary;
  readonly facts: EngineFacts;
}

export interface OpenOptions {
  readonly way?: 'fastest' | 'public';
  /** Called whenever the loading has come further. */
  readonly moved?: () => void;
}

/** Loads a model's weights and prepares its sequences. A failure says what is wrong with the file. */
export function openEngine(
  settings: EngineSettings,
  log: Log,
  { way = 'fastest', moved = () => {} }: OpenOptions = {},
): Promise<OpenEngine> {
  return withLastComplaint(log, async (log) => {
    const loaded = await loadWithFallback(
      settings.gpuLayers,
      (gpuLayers) => load({ ...settings, gpuLayers }, log, moved),
      log,
    );
    const { model, context } = loaded;
    const sequences = Array.from({ length: settings.sequences }, () => context.getSequence());
    const native = way === 'public' ? undefined : nativeDecoder(context, sequences);
    if (native === undefined && way === 'fastest')
      log('warn', 'this version of node-llama-cpp is unknown: batching through its public API');
    const decoder = native ?? publicDecoder(context, sequences);
    const measureStep = stepMeasure(decoder, log);
    decoder.useThreads(
      await chooseThreads(settings.threads, (threads) => {
        moved();
        return measureStep(threads);
      }),
    );
    return {
      decoder,
      vocabulary: vocabularyOf(model),
      facts: { ...(await factsOf(loaded)), threads: decoder.threads, copiesPrompts: decoder.canCopy },
    };
  });
}

interface Loaded {
  readonly llama: Llama;
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  readonly flashAttention: boolean;
}

/** The one place where the library says that `auto` came to off. */
const flashAttentionRefusal = /Flash Attention not supported/;

async function load(settings: EngineSettings, log: Log, moved: () => void): Promise<Loaded> {
  const { modelPath, contextSize, sequences, gpuLayers, cacheType = 'f16' } = settings;
  const threads = typeof settings.threads === 'number' ? settings.threads : settings.threads.atMost;
  const wish = flashAttentionOption(settings.flashAttention);
  const ggmlType = ggmlTypeOf(cacheType);
  let isRefused = false;
  const llama = await openLlama({
    gpu: gpuLayers === 0 ? false : 'auto',
    threads,
    log(level, message) {
      isRefused ||= flashAttentionRefusal.test(message);
      log(level, message);
    },
  });
  llama.logLevel = LlamaLogLevel.warn;
  log('debug', `llama.cpp ${llama.llamaCppRelease.release}, ${llama.buildType}: ${llama.systemInfo}`);
  const plan = {
    contextSize,
    sequences,
    batchSize: tokensPerStep(settings),
    flashAttention: wish,
    kvCacheKeyType: GgmlType[ggmlType],
    kvCacheValueType: GgmlType[ggmlType],
  };
  try {
    const model = await llama.loadModel({
      modelPath,
      onLoadProgress: moved,
      gpuLayers: gpuLayers === 'auto' ? await layersThatFit(llama, modelPath, plan) : gpuLayers,
      defaultContextFlashAttention: wish,
      experimentalDefaultContextKvCacheKeyType: ggmlType,
      experimentalDefaultContextKvCacheValueType: ggmlType,
    });
    moved();
    const isSlower = model.gpuLayers === 0 && isSlowerOnCpu(attentionFacts(model).headSize, cacheType);
    const flashAttention = wish === 'auto' && isSlower ? false : wish;
    isRefused = false;
    const context = await model.createContext({
      sequences,
      contextSize,
      batchSize: plan.batchSize,
      flashAttention,
      threads: { ideal: threads, min: 1 },
      failedCreationRemedy: false,
    });
    await setImmediate(); // what the library logged comes in a turn of its own
    return { llama, model, context, flashAttention: flashAttention === 'auto' ? !isRefused : flashAttention };
  } catch (error) {
    await llama.dispose();
    throw error;
  }
}

function flashAttentionOption(setting: FlashAttentionSetting = 'auto'): 'auto' | boolean {
  return setting === 'auto' ? 'auto' : setting === 'on';
}

/** The library has the names in capitals. */
function ggmlTypeOf(type: CacheType): keyof typeof GgmlType {
  return type.toUpperCase() as Uppercase<CacheType>;
}

function vocabularyOf(model: LlamaModel): Vocabulary {
  return {
    size: model.fileInfo.metadata.tokenizer.ggml.tokens.length,
    isEndOfGeneration: (token) => model.isEogToken(token as Token),
    detokenise: (tokens, before) => model.detokenize(tokens as Token[], false, before as Token[]),
  };
}

async function factsOf({
  llama,
  model,
  context,
  flashAttention,
}: Loaded): Promise<Omit<EngineFacts, 'threads' | 'copiesPrompts'>> {
  const devices = model.gpuLayers > 0 ? await llama.getGpuDeviceNames() : [];
  const { gpuVram } = await llama.getLlamaMemoryUsage();
  return {
    device: devices.length > 0 ? devices.join(', ') : 'CPU',
    gpuLayers: devices.length > 0 ? model.gpuLayers : 0,
    layers: model.fileInsights.totalLayers,
    memoryBytes: process.memoryUsage.rss(),
    gpuMemoryBytes: devices.length > 0 ? gpuVram : 0,
    flashAttention,
    cacheType: GgmlType[context.kvCacheKeyType] ?? 'unknown',
  };
}
