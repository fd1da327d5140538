import type { FinishReason } from '../../contracts/inference.ts';
import type { ChoicePiece, ChoiceRequest } from '../protocol.ts';
import { createDetokeniser, type Detokeniser } from '../text/detokeniser.ts';
import { createStopMatcher, type StopMatcher } from '../text/stop-matcher.ts';
import type { BatchEntry, Decoder, Sampler, Vocabulary } from './decoder.ts';
import { promptRoom } from './prompt-room.ts';
import { type CachedSequence, chooseSequence } from './sequence-cache.ts';

/**
 * Continuous batching: every step decodes one token of each running choice and a chunk of prompt of those that are not
 * there yet. One choice holds one sequence from its start to its end:
 *
 *     queued ──sequence free──▶ prefilling ──whole prompt evaluated──▶ running ──▶ ended
 *        └──────────────────────────┴──── cancel: ended before the next step ───────┘
 *
 * A sequence that is given back keeps its evaluated tokens for a later prompt of the same scope. Without choices the loop
 * is not running at all.
 */
export interface DecodeLoop {
  generate(request: ChoiceRequest): void;
  cancel(requestId: number): void;
  /** How many steps it has made, while it is running: a number that stays the same is a step that does not end. */
  step(): number | undefined;
}

export interface DecodeLoopEvents {
  started(requestId: number, cachedPromptTokens: number): void;
  piece(piece: ChoicePiece, step: number): void;
  failed(requestId: number, message: string): void;
}

interface Sequence extends CachedSequence {
  tokens: number[];
  scope: string;
  lastUse: number;
  choice: Choice | undefined;
}

interface Choice {
  readonly request: ChoiceRequest;
  readonly sampler: Sampler;
  readonly detokeniser: Detokeniser;
  readonly stops: StopMatcher;
  /** To be evaluated next: what is left of the prompt, then the token sampled last. */
  pending: readonly number[];
  sampled: number;
  cancelled: boolean;
}

export function createDecodeLoop(decoder: Decoder, vocabulary: Vocabulary, events: DecodeLoopEvents): DecodeLoop {
  const sequences = Array.from({ length: decoder.sequences }, (_, sequence): Sequence => {
    return { sequence, tokens: [], scope: '', lastUse: 0, choice: undefined };
  });
  const queue: ChoiceRequest[] = [];
  let uses = 0;
  let steps = 0;
  let running = false;

  function start(request: ChoiceRequest): boolean {
    const idle = sequences.filter((sequence) => sequence.choice === undefined);
    const isBusy = (sequence: number) => sequences[sequence]?.choice !== undefined;
    const chosen = chooseSequence(idle, isBusy, request.promptTokens, request.cacheScope);
    if (chosen === undefined) return false;
    const sequence = sequences[chosen.sequence]!;
    const kept = decoder.keep(chosen.sequence, chosen.keep) ? chosen.keep : 0;
    sequence.tokens = request.promptTokens.slice(0, kept);
    sequence.scope = request.cacheScope;
    sequence.lastUse = ++uses;
    sequence.choice = {
      request,
      sampler: decoder.sampler(request.sampling),
      detokeniser: createDetokeniser(vocabulary.detokenise, request.promptTokens),
      stops: createStopMatcher(request.stop),
      pending: request.promptTokens.slice(kept),
      sampled: 0,
      cancelled: false,
    };
    events.started(request.requestId, kept);
    return true;
  }

  function end(sequence: Sequence, piece: Omit<ChoicePiece, 'requestId'>): void {
    const choice = sequence.choice!;
    choice.sampler[Symbol.dispose]();
    sequence.choice = undefined;
    events.piece({ requestId: choice.request.requestId, ...piece }, steps);
  }

  function endCancelled(): void {
    for (const sequence of sequences) {
      if (sequence.choice?.cancelled) {
        end(sequence, { text: sequence.choice.stops.flush(), tokens: 0, finishReason: 'CANCELLED' });
      }
    }
  }

  function planStep(): { sequence: Sequence; entry: BatchEntry }[] {
    const busy = sequences.filter((sequence) => sequence.choice !== undefined);
    const answering = busy.filter((sequence) => sequence.choice!.sampled > 0);
    const prefilling = busy.filter((sequence) => sequence.choice!.sampled === 0);
    prefilling.sort((a, b) => a.lastUse - b.lastUse);
    let room = promptRoom(
      decoder.batchSize,
      answering.length,
      prefilling.map(({ choice }) => choice!.pending.length),
    );
    const plan: { sequence: Sequence; entry: BatchEntry }[] = [];
    for (const sequence of [...answering, ...prefilling]) {
      const { pending, sampled, sampler } = sequence.choice!;
      const amount = sampled > 0 ? 1 : Math.min(pending.length, room);
      if (amount === 0) break;
      if (sampled === 0) room -= amount;
      const complete = amount === pending.length;
      plan.push({
        sequence,
        entry: {
          sequence: sequence.sequence,
          position: sequence.tokens.length,
          tokens: complete ? pending : pending.slice(0, amount),
          ...(complete && { sampler }),
        },
      });
    }
    // Neighbours in rising order are evaluated together.
    return plan.sort((a, b) => a.entry.sequence - b.entry.sequence);
  }

  function take(sequence: Sequence, token: number): void {
    const choice = sequence.choice!;
    const { requestId, maxTokens } = choice.request;
    choice.sampled += 1;
    choice.pending = [token];
    const finish = (text: string, finishReason: FinishReason) => end(sequence, { text, tokens: 1, finishReason });
    if (vocabulary.isEndOfGeneration(token)) {
      finish(choice.stops.flush(), 'STOP');
      return;
    }
    const { text, matched } = choice.stops.push(choice.detokeniser.push(token));
    if (matched !== undefined) {
      end(sequence, { text, tokens: 1, finishReason: 'STOP_SEQUENCE', stopSequence: matched });
    } else if (choice.sampled >= maxTokens) {
      finish(text + choice.stops.flush(), 'LENGTH');
    } else {
      events.piece({ requestId, text, tokens: 1 }, steps);
    }
  }

  async function step(): Promise<void> {
    steps += 1;
    const plan = planStep();
    try {
      const sampled = await decoder.step(plan.map(({ entry }) => entry));
      for (const [index, { sequence, entry }] of plan.entries()) {
        for (const token of entry.tokens) sequence.tokens.push(token);
        const choice = sequence.choice!;
        const token = sampled[index];
        if (token === undefined) choice.pending = choice.pending.slice(entry.tokens.length);
        else take(sequence, token);
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      for (const { sequence } of plan) abandon(sequence, message);
    }
  }

  function abandon(sequence: Sequence, message: string): void {
    decoder.keep(sequence.sequence, 0);
    sequence.tokens = [];
    const { choice } = sequence;
    if (choice === undefined) return;
    choice.sampler[Symbol.dispose]();
    sequence.choice = undefined;
    events.failed(choice.request.requestId, message);
  }

  function startQueued(): void {
    while (queue.length > 0 && start(queue[0]!)) queue.shift();
  }

  async function run(): Promise<void> {
    running = true;
    await Promise.resolve(); // requests that came in one message start in one batch
    for (;;) {
      endCancelled();
      startQueued();
      if (sequences.every((sequence) => sequence.choice === undefined)) break;
      await step();
    }
    running = false;
  }

  return {
    generate(request) {
      const problem = impossible(request, decoder, vocabulary);
      if (problem !== undefined) {
        events.failed(request.requestId, problem);
        return;
      }
      queue.push(request);
      if (!running) void run();
    },
    step: () => (running ? steps : undefined),
    cancel(requestId) {
      const index = queue.findIndex((request) => request.requestId === requestId);
      if (index >= 0) {
        queue.splice(index, 1);
        events.piece({ requestId, text: '', tokens: 0, finishReason: 'CANCELLED' }, steps);
        return;
      }
      const sequence = sequences.find(({ choice }) => choice?.request.requestId === requestId);
      if (sequence?.choice !== undefined) sequence.choice.cancelled = true;
    },
  };
}

/** Refuses what would fail inside the native library, where it would take its neighbours in the batch along. */
function impossible(request: ChoiceRequest, decoder: Decoder, vocabulary: Vocabulary): string | undefined {
  const { promptTokens, maxTokens } = request;
  if (promptTokens.length === 0) return 'the prompt has no tokens';
  if (promptTokens.length + maxTokens > decoder.contextSize) {
    return `${promptTokens.length} prompt tokens and ${maxTokens} more do not fit in ${decoder.contextSize}`;
  }
  const stranger = promptTokens.find((token) => !Number.isInteger(token) || token < 0 || token >= vocabulary.size);
  return stranger === undefined ? undefined : `the model has no token ${stranger}`;
}
