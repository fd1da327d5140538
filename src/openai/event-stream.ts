import type { ChoiceDelta, InferenceUsage } from '../contracts/inference.ts';
import type { Completion } from '../contracts/stores/completions.ts';
import type { Chunks } from './chunks.ts';
import { type GenerationEvent, type Generations, requireSuccess } from './generations.ts';
import type { ErrorBody } from './responses.ts';
import { toFinishReason, toUsage } from './translate.ts';

export interface EventStreamOptions {
  readonly generations: Generations;
  readonly chunks: Chunks;
  readonly withUsage: boolean;
  /** Chunks carry the log's seq as their id: the request can be repeated with it, as its idempotency key stands for the completion. */
  readonly withIds: boolean;
  /** The seq that the client has already; 0 for none. */
  readonly after: number;
  readonly heartbeatSeconds: number;
  /** A client that takes nothing for so long is cut off. */
  readonly stallSeconds: number;
  cutOff(): void;
  /** The caller leaves. */
  readonly leaving: AbortController;
  /** The completion as it stands in the end: what a resumed stream may have missed. */
  find(completion: Completion): Promise<Completion | undefined>;
  /** What the client is told of an error after the start. */
  describe(error: unknown): ErrorBody;
}

export interface EventStream {
  readonly body: ReadableStream<Uint8Array>;
  /** Ends with an error chunk. */
  fail(error: unknown): void;
}

const done = 'data: [DONE]\n\n';
const heartbeat = Buffer.from(': heartbeat\n\n');

/**
 * Resolves when there is a first token, at the latest after a heartbeat; throws where a completion failed before, so that such a failure
 * is a status and not a chunk.
 */
export async function openEventStream(options: EventStreamOptions): Promise<EventStream> {
  const { generations, chunks, withUsage, withIds, after, heartbeatSeconds, stallSeconds, leaving, describe } = options;
  const { completions, events } = generations;
  const offsets = offsetsOf(completions);
  const begun = new Set<number>();
  const finished = new Set<number>();
  const usages = new Map<number, InferenceUsage>();
  /** What came before there was a first token: that prompts started, and that choices ended without any. */
  const held: GenerationEvent[] = [];
  let pending: Promise<IteratorResult<GenerationEvent>> | undefined;
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let timer: NodeJS.Timeout | undefined;
  let takenAt = performance.now();
  let sentAt = takenAt;
  let over = false;

  const frame = (chunk: string, seq?: number) =>
    withIds && seq !== undefined ? `id: ${seq}\ndata: ${chunk}\n\n` : `data: ${chunk}\n\n`;

  function rolesOf(prompt: number, seq: number | undefined): string {
    const { n } = completions[prompt]!;
    let frames = '';
    // Of several only the last has an id: whoever has that has them all.
    for (let index = 0; index < n; index++) {
      frames += roleOf(offsets[prompt]! + index, index === n - 1 ? seq : undefined);
    }
    return frames;
  }

  function roleOf(index: number, seq: number | undefined): string {
    if (after > 0 || begun.has(index)) return '';
    begun.add(index);
    const chunk = chunks.role(index);
    return chunk === undefined ? '' : frame(chunk, seq);
  }

  /**
   * Ids say what a client need not be sent again, and a connection may break between two frames: of several choices only the last text
   * has one. Finish reasons come after it, and a resumed stream tells those that it may have missed.
   */
  function deltaOf(prompt: number, choices: readonly ChoiceDelta[], seq: number): string {
    const offset = offsets[prompt]!;
    const texts = choices.filter(({ text }) => text !== '');
    let frames = '';
    for (const { index } of choices) frames += roleOf(offset + index, undefined);
    for (const choice of texts) {
      frames += frame(chunks.text(offset + choice.index, choice.text), choice === texts.at(-1) ? seq : undefined);
    }
    for (const { index, finishReason } of choices) {
      const reason = finishReason && toFinishReason(finishReason);
      if (!reason) continue;
      finished.add(offset + index);
      frames += frame(chunks.finish(offset + index, reason), texts.length > 0 ? seq : undefined);
    }
    return frames;
  }

  /** What a resumed stream has not seen end. */
  async function missedFinishes(prompt: number): Promise<string> {
    if (after === 0) return '';
    const completion = await options.find(completions[prompt]!);
    let frames = '';
    for (const { index, finishReason } of completion?.choices ?? []) {
      const reason = finishReason && toFinishReason(finishReason);
      if (reason && !finished.has(offsets[prompt]! + index))
        frames += frame(chunks.finish(offsets[prompt]! + index, reason));
    }
    return frames;
  }

  function usageChunk(seq: number | undefined): string {
    if (!withUsage) return '';
    return frame(chunks.usage(toUsage(completions.map((_, prompt) => usages.get(prompt)!))), seq);
  }

  async function framesOf({ prompt, event }: GenerationEvent): Promise<string> {
    switch (event.type) {
      case 'queued':
        return '';
      case 'started':
        return rolesOf(prompt, event.seq);
      case 'delta':
        return deltaOf(prompt, event.choices, event.seq);
      case 'finished':
      case 'failed':
      case 'cancelled': {
        requireSuccess(event);
        usages.set(prompt, event.usage);
        const missed = await missedFinishes(prompt);
        return usages.size < completions.length ? missed : missed + usageChunk(event.seq) + done;
      }
      default:
        return event satisfies never;
    }
  }

  /** A stream resumed from its very end gets no event any more. */
  async function framesAfterTheEnd(): Promise<string> {
    const [completion] = completions;
    const final = await options.find(completion!);
    if (final?.status !== 'SUCCEEDED') return done;
    usages.set(0, final.usage);
    return (await missedFinishes(0)) + usageChunk(undefined) + done;
  }

  function send(frames: string): void {
    sentAt = performance.now();
    controller.enqueue(Buffer.from(frames));
  }

  function end(): void {
    if (over) return;
    over = true;
    clearInterval(timer);
    leaving.abort();
  }

  function close(): void {
    if (over) return;
    end();
    controller.close();
  }

  function fail(error: unknown): void {
    if (over) return;
    send(frame(JSON.stringify(describe(error))) + done);
    close();
  }

  async function nextEvent(): Promise<IteratorResult<GenerationEvent>> {
    const [first] = held.splice(0, 1);
    if (first) return { done: false, value: first };
    pending ??= events.next();
    const result = await pending;
    pending = undefined;
    return result;
  }

  async function pull(): Promise<void> {
    takenAt = performance.now();
    try {
      while (!over) {
        const result = await nextEvent();
        if (over) return;
        if (!result.done) {
          const frames = await framesOf(result.value);
          if (frames === '' || over) continue;
          send(frames);
          if (usages.size === completions.length) close();
          return;
        }
        if (usages.size < completions.length && !leaving.signal.aborted) send(await framesAfterTheEnd());
        close();
      }
    } catch (error) {
      fail(error);
    }
  }

  function watch(): void {
    const now = performance.now();
    if (controller.desiredSize! > 0) {
      if (now - sentAt < heartbeatSeconds * 1_000) return;
      sentAt = now;
      controller.enqueue(heartbeat);
    } else if (now - takenAt > stallSeconds * 1_000) {
      end();
      options.cutOff();
    }
  }

  async function waitForFirstToken(): Promise<void> {
    const late = Symbol();
    let timeUp: NodeJS.Timeout | undefined;
    const heartbeatIsDue = new Promise<typeof late>((resolve) => {
      timeUp = setTimeout(resolve, heartbeatSeconds * 1_000, late);
    });
    try {
      for (;;) {
        pending ??= events.next();
        const first = await Promise.race([pending, heartbeatIsDue]);
        if (first === late || first.done) return;
        const { event } = first.value;
        if (event.type === 'failed' || event.type === 'cancelled') requireSuccess(event);
        if (event.type === 'finished' || (event.type === 'delta' && event.choices.some(({ text }) => text !== '')))
          return;
        pending = undefined;
        if (event.type !== 'queued') held.push(first.value);
      }
    } finally {
      clearTimeout(timeUp);
    }
  }

  await waitForFirstToken();
  const body = new ReadableStream<Uint8Array>(
    {
      start(opened) {
        controller = opened;
        timer = setInterval(watch, Math.min(heartbeatSeconds, stallSeconds) * 250);
        timer.unref();
        leaving.signal.addEventListener('abort', close, { once: true });
      },
      pull,
      cancel: end,
    },
    { highWaterMark: 1 },
  );
  return { body, fail };
}

/** OpenAI's index of the first choice of each prompt. */
function offsetsOf(completions: readonly Completion[]): number[] {
  let offset = 0;
  return completions.map(({ n }) => {
    const first = offset;
    offset += n;
    return first;
  });
}
