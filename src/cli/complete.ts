import { randomUUID } from 'node:crypto';
import type { Connection, ServerConnection } from './connection.ts';
import * as documents from './documents.ts';
import { Failure, Interrupted } from './failure.ts';
import { followCompletion } from './follow.ts';
import { type Completion, type CreatedCompletion, type Model, payloadOf, type UserError } from './results.ts';
import type { Terminal } from './terminal.ts';

export interface CompleteRequest {
  /** CreateCompletionInput without the mode. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly onText: (text: string) => void | Promise<void>;
}

/** Runs one completion and hands its text on as it comes. When the user or the reader of stdout leaves, it is cancelled. */
export async function complete(
  connection: ServerConnection,
  { interrupted, outputClosed }: Pick<Terminal, 'interrupted' | 'outputClosed'>,
  { input, onText }: CompleteRequest,
): Promise<Completion> {
  const { createCompletion } = await connection.execute<{ createCompletion: CreatedCompletion | UserError }>(
    documents.createCompletion,
    { input: { ...input, mode: 'STREAM', idempotencyKey: randomUUID() } },
  );
  const { id } = payloadOf(createCompletion).completion;
  for await (const event of followCompletion(connection, id, AbortSignal.any([interrupted, outputClosed]))) {
    switch (event.__typename) {
      case 'CompletionQueued':
      case 'CompletionStarted':
        break;
      case 'CompletionDelta':
        await onText(event.text);
        break;
      case 'CompletionFinished':
      case 'CompletionFailed':
      case 'CompletionCancelled':
        return event.completion;
      default:
        // An event that a newer server sends.
        event satisfies never;
    }
  }
  // Should this fail, the service cancels it by itself: nobody reads it any more.
  await connection.execute(documents.cancelCompletion, { input: { id } }).catch(() => {});
  throw new Interrupted('cancelled', interrupted.aborted ? Number(interrupted.reason) : 0);
}

/** What answers when no model is named. */
export async function firstModel(connection: Connection): Promise<string> {
  const { models } = await connection.execute<{ models: readonly Model[] }>(documents.models);
  const [first] = models;
  if (!first) throw new Failure('the API key may use no model');
  return first.name;
}
