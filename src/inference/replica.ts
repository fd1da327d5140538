import { dirname } from 'node:path';
import { DomainError } from '../contracts/errors.ts';
import type { EngineFacts, PoolChange } from '../contracts/pool.ts';
import { compiledFile } from '../lib/compiled-file.ts';
import { messageOf } from '../lib/message-of.ts';
import type { Settle } from '../lib/settle.ts';
import { abortable } from './abortable.ts';
import { type Child, type Environment, startChild } from './child-process.ts';
import { createCircuit } from './circuit.ts';
import { engineCrashed, engineStopped, modelUnavailable } from './failures.ts';
import type { ChoiceEvents, ChoiceWork } from './generate-choices.ts';
import type { Log } from './log.ts';
import type { PoolTiming } from './pool-timing.ts';
import type { EngineSettings, FromEngine, ToEngine } from './protocol.ts';
import { createThroughput, type Throughput } from './throughput.ts';
import { withoutFolders } from './without-folders.ts';

/**
 * One engine process of a model, kept alive; `unload` takes every state but broken back to unloaded:
 *
 *     unloaded ──load──▶ loading ──────▶ ready
 *                          │ ▲             │
 *               load-failed│ │backoff      │exit, kill, hang
 *                          ▼ │             ▼
 *                       broken ◀─third── crashed      (crashed: started again by itself;
 *                          │    in a minute, or of     broken: refused until `retryAt`, then
 *                          │    loading, in a row      loaded again by whoever asks next)
 *                          └──load, later──▶ loading
 *
 * A crash fails the requests that were running on it, or waited for it to be ready, at once, and nothing else.
 */
export type ReplicaState =
  | { readonly type: 'unloaded' | 'loading' | 'ready' | 'crashed' }
  | {
      readonly type: 'broken';
      readonly because: 'file' | 'crashes';
      readonly message: string;
      readonly retryAt: number;
    };

export interface Replica extends AsyncDisposable {
  readonly state: ReplicaState;
  readonly pid: number | undefined;
  /** Choices that are running on it. */
  readonly runningChoices: number;
  /** What it answers now, while it is broken and may not try again yet. */
  readonly refusal: DomainError | undefined;
  /** What it reported when it was loaded; undefined before. */
  readonly facts: EngineFacts | undefined;
  readonly restarts: number;
  readonly throughput: Pick<Throughput, 'perSecond' | 'perStep'>;
  /** Resolves when it is ready; rejects when its start fails, or with the signal's reason. */
  whenReady(signal: AbortSignal): Promise<void>;
  run(work: ChoiceWork, events: ChoiceEvents): () => void;
  /** Ends the process, on which nothing may run; resolves when it is gone. */
  unload(): Promise<void>;
  /** Forgets past failures, so that the next wait tries again at once. */
  forgive(): void;
}

export interface ReplicaOptions {
  readonly label: string;
  readonly environment: Environment;
  readonly log: Log;
  readonly timing: PoolTiming;
  /** Makes the model's file available; called before every start. */
  readonly settings: (signal: AbortSignal) => Promise<EngineSettings>;
  readonly changed: (type: PoolChange['type']) => void;
}

export function createReplica(options: ReplicaOptions, start: typeof startChild = startChild): Replica {
  const { label, log, timing } = options;
  const disposing = new AbortController();
  const requests = new Map<number, ChoiceEvents>();
  const waiters = new Set<Settle<void>>();
  const circuit = createCircuit(timing);
  let state: ReplicaState = { type: 'unloaded' };
  let child: Child<ToEngine> | undefined;
  let restart: NodeJS.Timeout | undefined;
  let lastRequestId = 0;
  let facts: EngineFacts | undefined;
  let restarts = 0;
  /** Rises with every start and stop, so that what comes of an earlier one is ignored. */
  let turn = 0;
  let deathsWhileLoading = 0;
  const throughput = createThroughput(throughputWindowSeconds);

  function enter(next: ReplicaState, type: PoolChange['type'] = 'state'): void {
    state = next;
    if (next.type !== 'ready') facts = undefined;
    options.changed(type);
  }

  async function load(): Promise<void> {
    const ownTurn = ++turn;
    enter({ type: 'loading' });
    let settings: EngineSettings;
    try {
      settings = withoutDeadlyGpu(await options.settings(disposing.signal));
    } catch (error) {
      if (ownTurn !== turn) return;
      const message = messageOf(error);
      log('error', `${label}: ${message}`);
      giveUp('file', message, timing.reloadSeconds);
      return;
    }
    if (ownTurn !== turn) return;
    let loadFailure: string | undefined;
    let breakage: string | undefined;
    child = start<ToEngine, FromEngine>({
      file: compiledFile(import.meta.url, 'child/main'),
      label,
      environment: options.environment,
      hangSeconds: timing.hangSeconds,
      stallSeconds: timing.stallSeconds,
      log,
      receive(message) {
        if (ownTurn !== turn) return;
        switch (message.type) {
          case 'loaded':
            deathsWhileLoading = 0;
            facts = message.facts;
            log('info', `${label}: ${describeFacts(facts)}`);
            enter({ type: 'ready' });
            settleWaiters((waiter) => waiter.resolve());
            return;
          case 'load-failed':
            loadFailure = message.message;
            child?.kill();
            return;
          case 'started':
            requests.get(message.requestId)?.started(message.cachedPromptTokens);
            return;
          case 'piece': {
            const { requestId, step, tokens, finishReason } = message;
            const events = requests.get(requestId);
            throughput.add(tokens, step);
            if (finishReason !== undefined) requests.delete(requestId);
            events?.piece(message);
            return;
          }
          case 'request-failed':
            failRequest(
              message.requestId,
              new DomainError('INTERNAL', `the engine refused the request: ${message.message}`),
            );
            return;
          case 'broke':
            breakage = `could not evaluate any more (${message.message}) and was killed`;
            child?.kill();
            return;
          default:
            message satisfies never;
        }
      },
      ended(reason) {
        if (ownTurn !== turn) return;
        const hadBegun = child?.pid !== undefined;
        child = undefined;
        if (loadFailure !== undefined) {
          const { modelPath } = settings;
          log('error', `${label}: ${modelPath}: ${loadFailure}`);
          giveUp('file', withoutFolders(`${modelPath}: ${loadFailure}`, dirname(modelPath)), timing.reloadSeconds);
        } else crashed(breakage ?? reason, hadBegun && state.type === 'loading');
      },
    });
    child.send({ type: 'load', settings });
  }

  /** A driver may kill the process rather than fail: after that happened twice in a row, the CPU is tried. */
  function withoutDeadlyGpu(settings: EngineSettings): EngineSettings {
    if (deathsWhileLoading < 2 || settings.gpuLayers === 0) return settings;
    log('warn', `${label}: died twice while loading; trying the CPU alone`);
    return { ...settings, gpuLayers: 0 };
  }

  function crashed(reason: string, whileLoading: boolean): void {
    log('error', `${label} ${reason}`);
    if (whileLoading) deathsWhileLoading += 1;
    const how = whileLoading ? `${reason} while it loaded` : reason;
    const verdict = circuit.crashed();
    // A load may hang for longer than the circuit remembers crashes.
    if (verdict.type === 'open' || deathsWhileLoading >= timing.crashes) {
      const times =
        verdict.type === 'open' ? `${verdict.crashes} times within a minute` : `${deathsWhileLoading} times in a row`;
      const message = `the engine crashed ${times}; last it ${how}`;
      log('error', `${label}: ${message}`);
      giveUp('crashes', message, timing.pauseSeconds);
    } else {
      restarts += 1;
      enter({ type: 'crashed' }, 'restart');
      rejectWaiters(modelUnavailable(`the engine ${how}`, 1));
      restart = setTimeout(() => void load(), verdict.afterSeconds * 1000);
      restart.unref();
    }
    for (const requestId of [...requests.keys()]) failRequest(requestId, engineCrashed());
  }

  function giveUp(because: 'file' | 'crashes', message: string, seconds: number): void {
    enter({ type: 'broken', because, message, retryAt: Date.now() + seconds * 1000 });
    rejectWaiters(modelUnavailable(message, seconds));
  }

  function refusal(): DomainError | undefined {
    if (state.type !== 'broken') return undefined;
    const seconds = (state.retryAt - Date.now()) / 1000;
    return seconds > 0 ? modelUnavailable(state.message, seconds) : undefined;
  }

  function failRequest(requestId: number, error: Error): void {
    const events = requests.get(requestId);
    requests.delete(requestId);
    events?.failed(error);
  }

  function rejectWaiters(error: Error): void {
    settleWaiters((waiter) => waiter.reject(error));
  }

  function settleWaiters(settle: (waiter: Settle<void>) => void): void {
    const settled = [...waiters];
    waiters.clear();
    for (const waiter of settled) settle(waiter);
  }

  return {
    get state() {
      return state;
    },
    get pid() {
      return child?.pid;
    },
    get runningChoices() {
      return requests.size;
    },
    get refusal() {
      return refusal();
    },
    get facts() {
      return facts;
    },
    get restarts() {
      return restarts;
    },
    throughput,

    whenReady(signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      if (disposing.signal.aborted) return Promise.reject(engineStopped());
      if (state.type === 'ready') return Promise.resolve();
      const refused = refusal();
      if (refused) return Promise.reject(refused);
      if (state.type === 'unloaded' || state.type === 'broken') void load();
      return abortable<void>(signal, (waiter) => {
        waiters.add(waiter);
        return () => waiters.delete(waiter);
      });
    },

    run(work, events) {
      const requestId = ++lastRequestId;
      requests.set(requestId, events);
      if (child === undefined) queueMicrotask(() => failRequest(requestId, engineCrashed()));
      child?.send({ type: 'generate', requestId, ...work });
      return () => child?.send({ type: 'cancel', requestId });
    },

    async unload() {
      if (state.type === 'broken') return;
      turn += 1;
      clearTimeout(restart);
      const leaving = child;
      child = undefined;
      enter({ type: 'unloaded' });
      await leaving?.[Symbol.asyncDispose]();
    },

    forgive() {
      circuit.close();
      deathsWhileLoading = 0;
      if (state.type === 'broken') enter({ type: 'unloaded' });
    },

    async [Symbol.asyncDispose]() {
      turn += 1;
      disposing.abort();
      clearTimeout(restart);
      const error = engineStopped();
      rejectWaiters(error);
      for (const requestId of [...requests.keys()]) failRequest(requestId, error);
      await child?.[Symbol.asyncDispose]();
    },
  };
}

const throughputWindowSeconds = 10;

function describeFacts({ device, gpuLayers, layers, threads, copiesPrompts }: EngineFacts): string {
  const where = gpuLayers > 0 ? `${gpuLayers} of ${layers} layers on ${device}` : 'on the CPU';
  const prompts = copiesPrompts ? '' : '; its states cannot be copied: each choice evaluates its prompt';
  return `ready ${where} with ${threads} ${threads === 1 ? 'thread' : 'threads'}${prompts}`;
}
