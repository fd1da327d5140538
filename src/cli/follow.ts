import { setTimeout as delay } from 'node:timers/promises';
import type { ServerConnection } from './connection.ts';
import { completionEvents } from './documents.ts';
import { ConnectionLost, Failure } from './failure.ts';
import type { CompletionEvent } from './results.ts';

const attempts = 8;
const longestPauseMilliseconds = 5_000;

/**
 * The events of a completion until it ended. When the connection breaks off, goes on after the last event received, so that no
 * text is missing or doubled. Ends quietly when the signal aborts.
 */
export async function* followCompletion(
  connection: ServerConnection,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<CompletionEvent, void, void> {
  let after = 0;
  let failures = 0;
  while (!signal.aborted) {
    let lost: ConnectionLost;
    try {
      const stream = connection.subscribe<{ completionEvents: CompletionEvent }>(
        completionEvents,
        { id, after },
        signal,
      );
      for await (const { completionEvents: event } of stream) {
        after = event.seq;
        failures = 0;
        yield event;
        if (isTerminal(event)) return;
      }
      lost = new ConnectionLost(`the stream of ${connection.url} ended early`);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      lost = error;
    }
    failures += 1;
    if (failures > attempts) throw new Failure(`${lost.message}, and could not be taken up again`);
    await delay(Math.min(100 * 2 ** failures, longestPauseMilliseconds), undefined, { signal }).catch(() => {});
  }
}

function isTerminal({ __typename }: CompletionEvent): boolean {
  return (
    __typename === 'CompletionFinished' || __typename === 'CompletionFailed' || __typename === 'CompletionCancelled'
  );
}
