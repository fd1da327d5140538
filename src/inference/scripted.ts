import { setImmediate as nextTurn } from 'node:timers/promises';
import { DomainError } from '../contracts/errors.ts';
import type { Inference, InferenceJob, ModelDescription, PromptInput } from '../contracts/inference.ts';
import type { PoolChange, PooledModel } from '../contracts/pool.ts';
import { createListeners } from '../lib/listeners.ts';
import type { Settle } from '../lib/settle.ts';
import { abortable } from './abortable.ts';
import { engineCrashed, modelUnavailable, noChatTemplate, promptTooLong } from './failures.ts';
import { type ChoiceEngine, type ChoiceEvents, type ChoiceWork, generateChoices } from './generate-choices.ts';
import { requireTokens } from './require-tokens.ts';
import { createSlots, type Slots } from './slots.ts';
import { createStopMatcher } from './text/stop-matcher.ts';

export interface ScriptedModel {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly contextSize?: number;
  readonly defaultMaxTokens?: number;
  readonly slots?: number;
  readonly price?: ModelDescription['price'];
  readonly hasChatTemplate?: boolean;
  /** What the model answers before it ends by itself; by default it says the prompt again. */
  readonly reply?: (prompt: string, seed: number) => string;
}

/**
 * A deterministic engine for tests of everything around engines: same contract, same order of parts, same accounting, and
 * tests decide when it produces. A token is a word with the space before it (long ones in pieces of 16 characters).
 */
export interface ScriptedInference extends Inference {
  /** From now on nothing is sampled but what `allow` permits. */
  hold(): void;
  /** Lets so many tokens be sampled in all, then holds again. */
  allow(tokens: number): void;
  release(): void;
  /** Everything that runs fails with ENGINE_CRASHED, once. */
  crash(): void;
  /** Until it is called without a reason, the model's requests fail with MODEL_UNAVAILABLE. */
  breakModel(model: string, reason?: string): void;
  /** The jobs it was given, in order: the newest thousand. */
  readonly jobs: readonly InferenceJob[];
  /** Choices that are being generated now. */
  readonly running: number;
  freeSlots(model: string): number;
}

interface Host {
  readonly model: ScriptedModel;
  readonly contextSize: number;
  readonly slots: Slots;
  broken: string | undefined;
  running: number;
  loaded: boolean;
  /** Called when nothing runs any more. */
  readonly leaving: Set<() => void>;
}

/** Words get their numbers as they are first seen; those of no word yet are empty. */
const vocabularySize = 1_000_000;

/** Of a token: 16 UTF-16 units of at most 3 bytes each, and a space. */
const longestTokenBytes = 49;

const rememberedJobs = 1_000;

export function createScriptedInference(models: readonly ScriptedModel[] = [{ name: 'scripted' }]): ScriptedInference {
  const hosts = new Map<string, Host>();
  for (const model of models) {
    const contextSize = model.contextSize ?? 1024;
    hosts.set(model.name, {
      model,
      contextSize,
      slots: createSlots(model.slots ?? 4),
      broken: undefined,
      running: 0,
      loaded: true,
      leaving: new Set(),
    });
  }
  const vocabulary = createWordVocabulary();
  const gate = createGate();
  const jobs: InferenceJob[] = [];
  const running = new Set<AbortController>();
  const watchers = createListeners<PoolChange>();

  function hostOf(name: string): Host {
    const host = hosts.get(name);
    if (host === undefined) throw new DomainError('MODEL_NOT_FOUND', `There is no model "${name}".`);
    return host;
  }

  function checkUsable(host: Host): void {
    if (host.broken === undefined) return;
    throw modelUnavailable(host.broken, 1);
  }

  function load(host: Host): void {
    checkUsable(host);
    if (host.loaded) return;
    host.loaded = true;
    watchers.emit({ model: host.model.name, type: 'state' });
  }

  function unloadIdle(host: Host): void {
    if (host.leaving.size === 0 || host.running > 0) return;
    host.loaded = false;
    for (const left of host.leaving) left();
    host.leaving.clear();
    watchers.emit({ model: host.model.name, type: 'state' });
  }

  async function produce(host: Host, work: ChoiceWork, events: ChoiceEvents, cancelled: AbortSignal): Promise<void> {
    events.started(0);
    const prompt = vocabulary.text(work.promptTokens);
    const words = splitWords(host.model.reply?.(prompt, work.sampling.seed) ?? prompt);
    const stops = createStopMatcher(work.stop);
    for (let sampled = 1; ; sampled++) {
      try {
        await gate.pass(cancelled);
        await nextTurn();
      } catch {
        // Cancelled while it was held.
      }
      if (cancelled.aborted) break;
      const word = words[sampled - 1];
      if (word === undefined) return events.piece({ text: stops.flush(), tokens: 1, finishReason: 'STOP' });
      const { text, matched } = stops.push(word);
      if (matched !== undefined) {
        return events.piece({ text, tokens: 1, finishReason: 'STOP_SEQUENCE', stopSequence: matched });
      }
      if (sampled >= work.maxTokens) {
        return events.piece({ text: text + stops.flush(), tokens: 1, finishReason: 'LENGTH' });
      }
      events.piece({ text, tokens: 1 });
    }
    if (cancelled.reason instanceof DomainError) events.failed(cancelled.reason);
    else events.piece({ text: stops.flush(), tokens: 0, finishReason: 'CANCELLED' });
  }

  function engineOf(host: Host): ChoiceEngine {
    return {
      run(work, events) {
        const control = new AbortController();
        running.add(control);
        host.running += 1;
        void produce(host, work, events, control.signal).finally(() => {
          running.delete(control);
          host.running -= 1;
          unloadIdle(host);
        });
        return () => control.abort();
      },
      [Symbol.dispose]() {},
    };
  }

  return {
    jobs,
    get running() {
      return running.size;
    },
    hold: gate.hold,
    allow: gate.allow,
    release: gate.release,
    freeSlots: (model) => hostOf(model).slots.free,
    breakModel(model, reason) {
      hostOf(model).broken = reason;
      watchers.emit({ model, type: 'state' });
    },
    crash() {
      const error = engineCrashed();
      for (const control of running) control.abort(error);
      for (const model of hosts.keys()) watchers.emit({ model, type: 'restart' });
    },

    models: () => [...hosts.values()].map(describe),

    async tokenize(model, input, signal) {
      const host = hostOf(model);
      signal?.throwIfAborted();
      checkUsable(host);
      if (input.type === 'tokens') return { tokens: requireTokens(input.tokens, vocabularySize, model) };
      const text = renderPrompt(host, input);
      const atLeast = Math.ceil(Buffer.byteLength(text) / longestTokenBytes);
      if (atLeast > host.contextSize) throw promptTooLong(model, atLeast, host.contextSize);
      return { tokens: vocabulary.tokens(text) };
    },

    async acquireSlot(model, signal) {
      const slot = await hostOf(model).slots.acquire('first', signal);
      return { model, [Symbol.dispose]: () => slot[Symbol.dispose]() };
    },

    async prepare(slot) {
      load(hostOf(slot.model));
    },

    generate(job, _slot, signal) {
      const host = hostOf(job.model);
      jobs.push(job);
      if (jobs.length > rememberedJobs) jobs.shift();
      return generateChoices(
        job,
        {
          async engine() {
            load(host);
            return engineOf(host);
          },
          extraSlot: (signal) => host.slots.acquire('extra', signal),
        },
        signal,
      );
    },

    async load(model) {
      load(hostOf(model));
    },

    unload(model) {
      const host = hostOf(model);
      return new Promise((resolve) => {
        host.leaving.add(resolve);
        watchers.emit({ model, type: 'state' });
        unloadIdle(host);
      });
    },

    ready: () => [...hosts.values()].some((host) => host.broken === undefined),

    pool: () => ({ models: [...hosts.values()].map(describePooled), memoryBytes: null, places: [] }),
    watchPool: watchers.add,

    async [Symbol.asyncDispose]() {
      for (const control of running) control.abort();
      gate.release();
    },
  };
}

function describe({ model, contextSize, slots, broken, loaded, leaving }: Host): ModelDescription {
  return {
    name: model.name,
    aliases: model.aliases ?? [],
    source: 'scripted:',
    ...(broken === undefined
      ? { status: leaving.size > 0 ? 'UNLOADING' : loaded ? 'LOADED' : 'UNLOADED' }
      : { status: 'FAILED', error: broken }),
    contextSize,
    defaultMaxTokens: model.defaultMaxTokens ?? 16,
    slots: slots.total,
    slotsInService: slots.total,
    price: model.price ?? { promptNanosPerToken: 0n, completionNanosPerToken: 0n },
    facts: {
      architecture: 'scripted',
      parameters: 0,
      sizeBytes: 0,
      trainContextSize: contextSize,
      vocabularySize,
      hasChatTemplate: model.hasChatTemplate ?? true,
      cacheBytesPerToken: 0,
      attentionHeads: 0,
      headSize: 0,
    },
  };
}

function describePooled(host: Host): PooledModel {
  const { name, aliases, status, error, slots } = describe(host);
  const failure = error === undefined ? {} : { error };
  const replica = {
    index: 0,
    state: error !== undefined ? ('FAILED' as const) : host.loaded ? ('READY' as const) : ('UNLOADED' as const),
    ...failure,
    slots,
    slotsBusy: host.running,
    tokensPerSecond: 0,
    tokensPerStep: undefined,
    restarts: 0,
  };
  return { name, aliases, status, ...failure, reservedBytes: 0, replicas: [replica] };
}

function renderPrompt({ model }: Host, input: Exclude<PromptInput, { type: 'tokens' }>): string {
  if (input.type === 'text') return input.text;
  if (model.hasChatTemplate === false) throw noChatTemplate(model.name);
  return `${input.messages.map(({ role, content }) => `${role}: ${content}\n`).join('')}ASSISTANT:`;
}

function splitWords(text: string): string[] {
  return text.match(/ ?[^\s]{1,16}|\s/g) ?? [];
}

/** Gives every word a number when it is first seen. */
function createWordVocabulary() {
  const words: string[] = [];
  const numbers = new Map<string, number>();
  return {
    tokens: (text: string): number[] =>
      splitWords(text).map((word) => {
        const known = numbers.get(word);
        if (known !== undefined) return known;
        numbers.set(word, words.length);
        return words.push(word) - 1;
      }),
    text: (tokens: readonly number[]): string => tokens.map((token) => words[token] ?? '').join(''),
  };
}

function createGate() {
  const waiting = new Set<Settle<void>>();
  let allowed = Number.POSITIVE_INFINITY;

  function serve(): void {
    for (const waiter of waiting) {
      if (allowed <= 0) return;
      allowed -= 1;
      waiting.delete(waiter);
      waiter.resolve();
    }
  }

  return {
    hold(): void {
      allowed = 0;
    },
    allow(tokens: number): void {
      allowed = Number.isFinite(allowed) ? allowed + tokens : tokens;
      serve();
    },
    release(): void {
      allowed = Number.POSITIVE_INFINITY;
      serve();
    },
    pass: (signal: AbortSignal) =>
      abortable<void>(signal, (waiter) => {
        waiting.add(waiter);
        serve();
        return () => waiting.delete(waiter);
      }),
  };
}
