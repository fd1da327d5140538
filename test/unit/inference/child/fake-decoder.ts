import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BatchEntry, Decoder, Sampler, Vocabulary } from '../../../../src/inference/child/decoder.ts';
import type { ChoicePiece, ChoiceRequest } from '../../../../src/inference/protocol.ts';
import { greedyChoice } from '../../../kit/sampling.ts';

export const endToken = 99;

/** Tokens are letters: 0 is `a`. What follows a token is the next letter, and after `z` the end. */
export const letters: Vocabulary = {
  size: 100,
  isEndOfGeneration: (token) => token === endToken,
  detokenise: (tokens) => tokens.map((token) => (token < 26 ? String.fromCharCode(97 + token) : '')).join(''),
};

export interface FakeDecoder extends Decoder {
  readonly steps: (readonly BatchEntry[])[];
  readonly samplers: { live: number };
  /** Evaluated tokens by sequence, as the native side would hold them. */
  readonly evaluated: number[][];
  /** What was copied, in order. */
  readonly copies: { from: number; to: number; length: number }[];
  copiesFail: boolean;
  readonly snapshots: { taken: number; live: number };
  threads: number;
  /** Called before each step is evaluated. */
  beforeStep: (entries: readonly BatchEntry[]) => void | Promise<void>;
}

export function createFakeDecoder(
  options: { sequences?: number; batchSize?: number; contextSize?: number; canCut?: boolean } = {},
): FakeDecoder {
  const { sequences = 2, batchSize = 16, contextSize = 64, canCut = true } = options;
  const evaluated: number[][] = Array.from({ length: sequences }, () => []);
  const samplers = { live: 0 };
  const decoder: FakeDecoder = {
    sequences,
    batchSize,
    contextSize,
    threads: 1,
    useThreads(count) {
      decoder.threads = count;
    },
    steps: [],
    samplers,
    evaluated,
    copies: [],
    copiesFail: false,
    snapshots: { taken: 0, live: 0 },
    beforeStep: () => {},
    async step(entries) {
      decoder.steps.push(entries);
      await nextTurn();
      await decoder.beforeStep(entries);
      const size = entries.reduce((sum, { tokens }) => sum + tokens.length, 0);
      if (size === 0 || size > batchSize) throw new Error(`a batch of ${size}`);
      return entries.map(({ sequence, position, tokens, sampler }) => {
        const cells = evaluated[sequence]!;
        if (cells.length !== position) throw new Error(`${position} is not next after ${cells.length}`);
        cells.push(...tokens);
        if (sampler === undefined) return undefined;
        const last = tokens.at(-1)!;
        return last >= 25 ? endToken : last + 1;
      });
    },
    keep(sequence, length) {
      const cells = evaluated[sequence]!;
      if (length === cells.length) return true;
      const kept = canCut && length > 0;
      cells.length = kept ? length : 0;
      return kept || length === 0;
    },
    canCopy: canCut,
    async snapshot(from) {
      await nextTurn();
      if (decoder.copiesFail) throw new Error('the disk is full');
      const cells = [...evaluated[from]!];
      decoder.snapshots.taken += 1;
      decoder.snapshots.live += 1;
      return {
        async restore(to, length) {
          await nextTurn();
          decoder.copies.push({ from, to, length });
          evaluated[to] = cells.slice(0, length);
        },
        async [Symbol.asyncDispose]() {
          decoder.snapshots.live -= 1;
        },
      };
    },
    sampler(sampling): Sampler {
      samplers.live += 1;
      return {
        sampling,
        [Symbol.dispose]() {
          samplers.live -= 1;
        },
      };
    },
  };
  return decoder;
}

export type LoopEvent =
  | { type: 'started'; requestId: number; cached: number }
  | ({ type: 'piece' } & ChoicePiece)
  | { type: 'failed'; requestId: number; message: string }
  | { type: 'copy-failed' | 'broke'; requestId?: undefined; message: string };

export function recordEvents() {
  const events: LoopEvent[] = [];
  let wake = () => {};
  const record = (event: LoopEvent) => {
    events.push(event);
    wake();
  };
  return {
    events,
    listener: {
      started: (requestId: number, cached: number) => record({ type: 'started', requestId, cached }),
      piece: (piece: ChoicePiece) => record({ type: 'piece', ...piece }),
      failed: (requestId: number, message: string) => record({ type: 'failed', requestId, message }),
      copyFailed: (message: string) => record({ type: 'copy-failed', message }),
      broke: (message: string) => record({ type: 'broke', message }),
    },
    async until(condition: () => boolean): Promise<void> {
      while (!condition()) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async untilEnded(...requestIds: number[]): Promise<void> {
      await this.until(() => requestIds.every((requestId) => this.end(requestId) !== undefined));
    },
    end: (requestId: number) =>
      events.find(
        (event) =>
          event.requestId === requestId &&
          (event.type === 'failed' || (event.type === 'piece' && event.finishReason !== undefined)),
      ),
    text: (requestId: number) =>
      events.map((event) => (event.type === 'piece' && event.requestId === requestId ? event.text : '')).join(''),
    tokens: (requestId: number) =>
      events.reduce(
        (sum, event) => sum + (event.type === 'piece' && event.requestId === requestId ? event.tokens : 0),
        0,
      ),
  };
}

export function request(requestId: number, changes: Partial<ChoiceRequest> = {}): ChoiceRequest {
  return {
    requestId,
    promptTokens: [0, 1, 2],
    maxTokens: 5,
    stop: [],
    cacheScope: 'project',
    sampling: greedyChoice,
    ...changes,
  };
}
