import type { FinishReason } from '../../contracts/inference.ts';
import { messageOf } from '../../lib/message-of.ts';
import type { ChoicePiece, ChoiceRequest } from '../protocol.ts';
import { createDetokeniser, type Detokeniser } from '../text/detokeniser.ts';
import { createStopMatcher, type StopMatcher } from '../text/stop-matcher.ts';
import { type Copies, createCopies } from './copies.ts';
import { type CopyPace, createCopyPace } from './copy-pace.ts';
import type { BatchEntry, Decoder, Sampler, Vocabulary } from './decoder.ts';
import { type CachedSequence, planStart, type Start } from './plan-start.ts';
import { promptRoom } from './prompt-room.ts';

/**
 * Continuous batching: every step decodes one token of each running choice and a chunk of prompt of those that are not
 * there yet. One choice holds one sequence from its start to its end:
 *
 *     queued ──sequence free──▶ prefilling ──whole prompt evaluated──▶ running ──▶ ended
 *        └──────────────────────────┴──── cancel: ended before the next step ───────┘
 *
 * A sequence that is given back keeps its evaluated tokens for a later prompt of the same scope. A choice stays queued while another
 * evaluates what both prompts share, to start from a copy of it. Without choices the loop is not running at all.
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
  /** What prompts share could not be copied, and is evaluated again. */
  copyFailed(message: string): void;
  /** Steps failed one after the other: the loop has stopped for good, and the process had better begin anew. */
  broke(message: string): void;
}

/** One failed step may be its prompts' doing; the next one, of others, no longer is. */
const failedStepsAtMost = 1;

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

export function createDecodeLoop(
  decoder: Decoder,
  vocabulary: Vocabulary,
  events: DecodeLoopEvents,
  pace: CopyPace = createCopyPace(),
): DecodeLoop {
  const sequences = Array.from({ length: decoder.sequences }, (_, sequence): Sequence => {
    return {
      sequence,
      tokens: [],
      scope: '',
      lastUse: 0,
      choice: undefined,
      get upcoming() {
        return this.choice && (this.choice.sampled === 0 ? this.choice.pending : []);
      },
    };
  });
  const isCopyWorthwhile = decoder.canCopy ? pace.isWorthwhile : () => false;
  const queue: ChoiceRequest[] = [];
  let uses = 0;
  let steps = 0;
  let failedSteps = 0;
  let running = false;

  async function start(request: ChoiceRequest, plan: Start, copies: Copies): Promise<void> {
    const sequence = sequences[plan.sequence]!;
    sequence.scope = request.cacheScope;
    sequence.lastUse = ++uses;
    const choice: Choice = {
      request,
      sampler: decoder.sampler(request.sampling),
      detokeniser: createDetokeniser(vocabulary.detokenise, request.promptTokens),
      stops: createStopMatcher(request.stop),
      pending: [],
      sampled: 0,
      cancelled: false,
    };
    sequence.choice = choice;
    await copies.forget(plan.sequence);
    const kept = (await hold(sequence, plan, copies)) ? plan.keep : 0;
    sequence.tokens = request.promptTokens.slice(0, kept);
    choice.pending = request.promptTokens.slice(kept);
    events.started(request.requestId, kept);
  }

  async function hold({ sequence }: Sequence, plan: Start, copies: Copies): Promise<boolean> {
    if (plan.copyFrom === undefined) return decoder.keep(sequence, plan.keep);
    const source = sequences[plan.copyFrom]!;
    source.lastUse = ++uses;
    return copies.copy(source, sequence, plan.keep);
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
    const isEnd = vocabulary.isEndOfGeneration(token);
    const { text, matched } = choice.stops.push(isEnd ? choice.detokeniser.flush() : choice.detokeniser.push(token));
    if (matched !== undefined) {
      end(sequence, { text, tokens: 1, finishReason: 'STOP_SEQUENCE', stopSequence: matched });
    } else if (isEnd) {
      finish(text + choice.stops.flush(), 'STOP');
    } else if (choice.sampled >= maxTokens) {
      finish(text + choice.stops.flush(), 'LENGTH');
    } else {
      events.piece({ requestId, text, tokens: 1 }, steps);
    }
  }

  /** What prompts cost, by the steps that were mostly of them. */
  function measure(plan: readonly { sequence: Sequence; entry: BatchEntry }[], milliseconds: number): void {
    let tokens = 0;
    let answers = 0;
    for (const { sequence, entry } of plan) {
      tokens += entry.tokens.length;
      if (sequence.choice!.sampled > 0) answers += 1;
    }
    if (answers * 2 < tokens) pace.evaluated(tokens, milliseconds);
  }

  async function step(): Promise<void> {
    steps += 1;
    const plan = planStep();
    try {
      const began = performance.now();
      const sampled = await decoder.step(plan.map(({ entry }) => entry));
      measure(plan, performance.now() - began);
      failedSteps = 0;
      for (const [index, { sequence, entry }] of plan.entries()) {
        for (const token of entry.tokens) sequence.tokens.push(token);
        const choice = sequence.choice!;
        const token = sampled[index];
        if (token === undefined) choice.pending = choice.pending.slice(entry.tokens.length);
        else take(sequence, token);
      }
    } catch (error) {
      const message = messageOf(error);
      failedSteps += 1;
      if (failedSteps > failedStepsAtMost) events.broke(message);
      else for (const { sequence } of plan) abandon(sequence, message);
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

  async function startQueued(): Promise<void> {
    await using copies = createCopies(decoder, pace, events.copyFailed);
    for (const request of [...queue]) {
      const index = queue.indexOf(request);
      if (index < 0) continue; // cancelled while another was copied
      const plan = planStart(sequences, request.promptTokens, request.cacheScope, isCopyWorthwhile);
      if (plan.type === 'full') return;
      if (plan.type === 'wait') continue;
      queue.splice(index, 1);
      await start(request, plan, copies);
    }
  }

  async function run(): Promise<void> {
    running = true;
    await Promise.resolve(); // requests that came in one message start in one batch
    for (;;) {
      endCancelled();
      if (queue.length > 0) await startQueued();
      if (sequences.every((sequence) => sequence.choice === undefined)) break;
      await step();
      if (failedSteps > failedStepsAtMost) return; // still running, as far as others can tell: nothing starts it again
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
