import type { CompletionError } from '../../contracts/errors.ts';
import type { Completion } from '../../contracts/stores/completions.ts';
import type { TerminalEvent } from '../../contracts/token-log.ts';

/** The terminal event that a final completion stands for. */
export function terminalEventOf({ status, usage, error, id }: Completion): TerminalEvent {
  switch (status) {
    case 'SUCCEEDED':
      return { type: 'finished', usage };
    case 'CANCELLED':
      return { type: 'cancelled', usage };
    case 'FAILED':
      return { type: 'failed', usage, error: error ?? unknownError };
    case 'QUEUED':
    case 'RUNNING':
      throw new Error(`completion ${id} is ${status}, not final`);
    default:
      return status satisfies never;
  }
}

export function isFinal({ status }: Completion): boolean {
  return status !== 'QUEUED' && status !== 'RUNNING';
}

const unknownError: CompletionError = { code: 'INTERNAL', message: 'The completion failed.' };
