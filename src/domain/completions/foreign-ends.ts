import { setTimeout as delay } from 'node:timers/promises';
import type { CompletionId } from '../../contracts/ids.ts';
import type { Logger } from '../../contracts/logger.ts';
import type { CompletionStore } from '../../contracts/stores/completions.ts';
import type { TokenLog } from '../../contracts/token-log.ts';
import { isFinal, terminalEventOf } from './endings.ts';
import { untilAnswered } from './until-answered.ts';

/** Where somebody else took a completion over: its readers here get the ending that the store will know. */
export interface ForeignEnds extends AsyncDisposable {
  show(id: CompletionId): void;
}

export interface ForeignEndsOptions {
  readonly completions: Pick<CompletionStore, 'find'>;
  readonly log: TokenLog;
  readonly logger: Logger;
}

const pollMilliseconds = 500;

export function createForeignEnds({ completions, log, logger }: ForeignEndsOptions): ForeignEnds {
  const stopping = new AbortController();
  const { signal } = stopping;
  const waiting = new Set<Promise<void>>();

  async function showWhenKnown(id: CompletionId): Promise<void> {
    // Whose log is not held here has no readers here.
    while ((await log.lastSeq(id)) !== undefined) {
      const [completion] = await untilAnswered(() => completions.find([id]), signal);
      if (!completion) return;
      if (isFinal(completion)) {
        return log.finalise(id, completion.epoch, terminalEventOf(completion), completion.lastSeq);
      }
      await delay(pollMilliseconds, undefined, { signal, ref: false });
    }
  }

  return {
    show(id) {
      const shown = showWhenKnown(id)
        .catch((error) => {
          if (!signal.aborted) logger.error({ err: error, completionId: id }, 'readers were left without an end');
        })
        .finally(() => waiting.delete(shown));
      waiting.add(shown);
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all(waiting);
    },
  };
}
