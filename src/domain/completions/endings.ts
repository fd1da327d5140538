import type { CompletionError, DomainError } from '../../contracts/errors.ts';
import type { FinishReason } from '../../contracts/inference.ts';
import type { StopReason } from '../../contracts/jobs.ts';
import type { Completion, Settlement } from '../../contracts/stores/completions.ts';
import type { TerminalEvent } from '../../contracts/token-log.ts';

/** How a completion ends. */
export type Ending = Pick<Settlement, 'status' | 'error'>;

export const succeeded: Ending = { status: 'SUCCEEDED', error: null };

export function failed(error: CompletionError): Ending {
  return { status: 'FAILED', error };
}

export function stoppedEnding(reason: StopReason): Ending {
  switch (reason) {
    case 'cancelled':
    case 'abandoned':
      return { status: 'CANCELLED', error: null };
    case 'timeout':
      return failed(timedOut);
    case 'shutdown':
      return failed(interrupted);
    default:
      return reason satisfies never;
  }
}

/** Of the choices that were still open when the completion ended so. */
export function finishReasonOf({ status, error }: Ending): FinishReason {
  if (status === 'CANCELLED') return 'CANCELLED';
  return error?.code === 'TIMEOUT' ? 'TIMEOUT' : 'ERROR';
}

export const timedOut: CompletionError = {
  code: 'TIMEOUT',
  message: 'The completion did not end within timeoutSeconds.',
};

/** What readers are told when the process that served a completion stopped or died. */
export const interrupted: CompletionError = {
  code: 'INTERRUPTED',
  message: 'The serving process stopped before the completion ended. Send the request again.',
  retryAfterSeconds: 1,
};

const unknownError: CompletionError = { code: 'INTERNAL', message: 'The completion failed.' };

/** What of an error is kept with the completion that it ended. */
export function errorOf({ code, message, facts }: DomainError): CompletionError {
  return {
    code,
    message,
    ...(facts.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: facts.retryAfterSeconds }),
  };
}

export function isFinal({ status }: Completion): boolean {
  return status !== 'QUEUED' && status !== 'RUNNING';
}

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
