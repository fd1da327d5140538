import { LRUCache } from 'lru-cache';
import { DomainError } from '../../contracts/errors.ts';
import type { CompletionId } from '../../contracts/ids.ts';
import type { Completion, CompletionChoice, CompletionStore } from '../../contracts/stores/completions.ts';
import type { LogEvent } from '../../contracts/token-log.ts';
import { createPullIterator, type PullIterator, type ReadyIterator } from '../../lib/pull-iterator.ts';
import { createTextReplay, type ReplayableText, type ReplayedDelta, surveyTextIndex } from '../../lib/text-replay.ts';
import { terminalEventOf } from './endings.ts';

/** What late readers of a log would have got, rebuilt from the store. */
export interface StoredEvents {
  /**
   * Reads the events of an ended completion after `after`. A reader holds the place where it is and no text: the texts being read are
   * kept for all readers together, within bounds, and read again where a reader comes back later than that.
   * Throws OFFSET_EXPIRED where the content is gone; so does the iterator, where it goes while it is read.
   */
  read(completion: Completion, after: number, signal: AbortSignal): ReadyIterator<LogEvent>;
}

/** Of the texts being read, with all that belongs to them. */
const keptBytes = 32 * 1_048_576;
/** What was forgotten meanwhile is not shown for longer than this. */
const keptMilliseconds = 60_000;

export function createStoredEvents(
  completions: Pick<CompletionStore, 'find'>,
  maxBytes: number = keptBytes,
): StoredEvents {
  const contents = new LRUCache<CompletionId, Content>({
    maxSize: maxBytes,
    sizeCalculation: bytesOf,
    ttl: keptMilliseconds,
  });
  const loading = new Map<CompletionId, Promise<Content>>();

  function keep(completion: Completion): Content {
    const content = contentOf(completion);
    contents.set(completion.id, content);
    return content;
  }

  /** All who ask at the same time are answered by one statement. */
  function load(id: CompletionId): Promise<Content> {
    const pending = loading.get(id);
    if (pending) return pending;
    const started = completions
      .find([id])
      .then(([completion]) => keep(requireContent(completion)))
      .finally(() => loading.delete(id));
    loading.set(id, started);
    return started;
  }

  return {
    read(completion, after, signal) {
      const { id, lastSeq } = completion;
      const replay = createTextReplay(after);
      let isOver = after >= lastSeq;
      let atHand: Content | undefined;
      if (!isOver) {
        requireContent(completion);
        if (!contents.has(id)) keep(completion);
      }

      const reader: PullIterator<LogEvent> = createPullIterator<LogEvent>(
        {
          take() {
            const content = isOver ? undefined : (atHand ?? contents.get(id));
            if (!content) return undefined;
            const delta = replay.next(content);
            if (delta) return deltaEvent(content, delta);
            isOver = true;
            return content.terminal;
          },
          isOver: () => isOver,
          onWait() {
            load(id).then((content) => {
              // As long as it takes to serve those who wait: by then others may have pushed it out again.
              atHand = content;
              reader.wake();
              atHand = undefined;
            }, reader.fail);
          },
          onEnd() {},
        },
        signal,
      );
      return reader.iterator;
    },
  };
}

interface Content extends ReplayableText {
  readonly endings: ReadonlyMap<number, ChoiceEnding>;
  readonly terminal: LogEvent;
}

/** How a choice ended, and the last seq that brought something of it. */
interface ChoiceEnding extends Pick<CompletionChoice, 'finishReason' | 'stopSequence'> {
  readonly seq: number;
}

function contentOf(completion: Completion): Content {
  const { choices, textIndex } = requireContent(completion);
  const { waypoints, lastSeqs } = surveyTextIndex(textIndex);
  const endings = new Map<number, ChoiceEnding>();
  for (const [choice, seq] of lastSeqs) {
    const { finishReason = null, stopSequence = null } = choices[choice] ?? {};
    endings.set(choice, { seq, finishReason, stopSequence });
  }
  const terminal = { ...terminalEventOf(completion), seq: completion.lastSeq, at: momentOf(completion) };
  return { index: textIndex, texts: choices.map(({ text }) => text), waypoints, endings, terminal };
}

function momentOf({ finishedAt, createdAt }: Completion): Date {
  return finishedAt ?? createdAt;
}

function deltaEvent({ endings, terminal }: Content, { seq, choices }: ReplayedDelta): LogEvent {
  return {
    type: 'delta',
    seq,
    at: terminal.at,
    choices: choices.map((choice) => {
      const ending = endings.get(choice.index);
      if (!ending?.finishReason || ending.seq > seq) return choice;
      const { finishReason, stopSequence } = ending;
      return { ...choice, finishReason, ...(stopSequence === null ? {} : { stopSequence }) };
    }),
  };
}

function bytesOf({ index, texts }: Content): number {
  return texts.reduce((bytes, text) => bytes + text.length * 2, index.length + 1_000);
}

type WithContent = Completion & {
  readonly choices: NonNullable<Completion['choices']>;
  readonly textIndex: NonNullable<Completion['textIndex']>;
};

function requireContent(completion: Completion | undefined): WithContent {
  if (completion?.choices && completion.textIndex) return completion as WithContent;
  throw new DomainError(
    'OFFSET_EXPIRED',
    "The completion's content is no longer kept; its usage and status still are.",
  );
}
