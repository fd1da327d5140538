import type { ChoiceDelta, InferenceJob, InferencePart } from '../contracts/inference.ts';
import { mergeChoices } from '../lib/merge-choices.ts';
import { createPartQueue } from './part-queue.ts';
import type { ChoicePiece, ChoiceSampling } from './protocol.ts';

/** An engine that can be given a choice; where one is chosen and loaded is the host's business. It is kept until disposed. */
export interface ChoiceEngine extends Disposable {
  /** Runs one choice; the result cancels it (it then still ends with a piece, or with a failure). */
  run(work: ChoiceWork, events: ChoiceEvents): () => void;
}

export interface ChoiceWork {
  readonly promptTokens: readonly number[];
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly sampling: ChoiceSampling;
  readonly cacheScope: string;
}

export interface ChoiceEvents {
  started(cachedPromptTokens: number): void;
  /** The last piece has a finish reason. */
  piece(piece: Omit<ChoicePiece, 'requestId'>): void;
  /** Instead of a last piece. */
  failed(error: Error): void;
}

export interface ChoiceHost {
  /** An engine that is ready, loading one if need be. */
  engine(job: InferenceJob, signal: AbortSignal): Promise<ChoiceEngine>;
  /** A further slot, when nobody else wants it. */
  extraSlot(signal: AbortSignal): Promise<Disposable>;
}

/**
 * Runs the choices of one job: one after the other on the caller's slot, and beside them each on an extra slot as far as there are any,
 * which it gives back when it has ended. What the choices gain in one turn of the event loop becomes one delta.
 *
 * The prompt is evaluated once by each engine that runs some of them: others start from a copy of the first one's state (child/plan-start.ts).
 * `cachedPromptTokens` is what the first choice found, as the prompt is counted once.
 */
export function generateChoices(
  job: InferenceJob,
  host: ChoiceHost,
  signal: AbortSignal,
): AsyncIterable<InferencePart> {
  const running = new Map<number, () => void>();
  const stopping = new AbortController();
  let nextIndex = 0;
  let openChoices = job.n;
  let completionTokens = 0;
  let cached: number | undefined;
  let gained: ChoiceDelta[] = [];

  const queue = createPartQueue(stop);

  function stop(): void {
    if (stopping.signal.aborted) return;
    stopping.abort();
    for (const cancel of running.values()) cancel();
    while (nextIndex < job.n) cancelUnstarted(nextIndex++);
  }

  function cancelUnstarted(index: number): void {
    gain({ index, text: '', tokens: 0, finishReason: 'CANCELLED' });
  }

  function fail(error: unknown): void {
    showGained();
    queue.fail(error);
    stop();
    finish();
  }

  function finish(): void {
    signal.removeEventListener('abort', stop);
    stopping.abort();
  }

  function started(cachedPromptTokens: number): void {
    if (cached !== undefined) return;
    cached = cachedPromptTokens;
    queue.push({ type: 'started', cachedPromptTokens });
  }

  function gain(delta: ChoiceDelta): void {
    completionTokens += delta.tokens;
    if (delta.finishReason !== undefined) openChoices -= 1;
    if (gained.length > 0) gained.push(delta);
    else {
      // Most are shown alone and kept in the log: no room for more.
      gained = [delta];
      queueMicrotask(showGained);
    }
  }

  function showGained(): void {
    if (gained.length === 0) return;
    started(0); // a job that was cancelled before it began
    queue.push({ type: 'delta', choices: mergeChoices(gained) });
    gained = [];
    if (openChoices > 0) return;
    const usage = { promptTokens: job.promptTokens.length, cachedPromptTokens: cached ?? 0, completionTokens };
    queue.push({ type: 'finished', usage });
    queue.end();
    finish();
  }

  async function runChoice(index: number): Promise<void> {
    using engine = await host.engine(job, stopping.signal).catch((error: unknown) => {
      if (stopping.signal.aborted) return undefined;
      throw error;
    });
    if (engine === undefined) return cancelUnstarted(index);
    if (stopping.signal.aborted) return cancelUnstarted(index);
    await new Promise<void>((resolve, reject) => {
      const cancel = engine.run(choiceWork(job, index), {
        started,
        piece(piece) {
          gain(deltaOf(index, piece));
          if (piece.finishReason !== undefined) settle(resolve);
        },
        failed: (error) => settle(() => reject(error)),
      });
      running.set(index, cancel);
      function settle(then: () => void): void {
        running.delete(index);
        then();
      }
    });
  }

  async function takeTurns(): Promise<void> {
    while (nextIndex < job.n) await runChoice(nextIndex++);
  }

  async function useExtraSlots(): Promise<void> {
    while (nextIndex < job.n) {
      const slot = await host.extraSlot(stopping.signal);
      void (nextIndex < job.n ? runChoice(nextIndex++) : Promise.resolve())
        .catch(fail)
        .finally(() => slot[Symbol.dispose]());
    }
  }

  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  else {
    void takeTurns().catch(fail);
    if (job.n > 1) void useExtraSlots().catch((error) => stopping.signal.aborted || fail(error));
  }
  return queue.parts;
}

/** Written out, and the end apart: there is one for every token, and most are no end. */
function deltaOf(
  index: number,
  { text, tokens, finishReason, stopSequence }: Omit<ChoicePiece, 'requestId'>,
): ChoiceDelta {
  if (finishReason === undefined) return { index, text, tokens };
  return { index, text, tokens, finishReason, ...(stopSequence !== undefined && { stopSequence }) };
}

/** Below this a temperature would overflow the logits; what it asks for is the likeliest token anyway. */
const greedyBelow = 1e-3;

function choiceWork(job: InferenceJob, index: number): ChoiceWork {
  const { sampling } = job;
  return {
    promptTokens: job.promptTokens,
    maxTokens: job.maxTokens,
    stop: job.stop,
    cacheScope: job.cacheScope,
    sampling: {
      temperature: sampling.temperature < greedyBelow ? 0 : sampling.temperature,
      topP: sampling.topP,
      topK: sampling.topK,
      minP: sampling.minP,
      seed: (sampling.seed + index) % 2 ** 32,
      presencePenalty: sampling.presencePenalty,
      frequencyPenalty: sampling.frequencyPenalty,
      repeatPenalty: sampling.repeatPenalty,
      logitBias: [...sampling.logitBias],
    },
  };
}
