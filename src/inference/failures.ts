import { DomainError } from '../contracts/errors.ts';

/** What goes wrong in a pool, in words for clients: what happened, and what to do about it. */
export function engineCrashed(): DomainError {
  return retryable('ENGINE_CRASHED', 'The engine that ran this request stopped unexpectedly.', 1);
}

export function engineStopped(): DomainError {
  return retryable('MODEL_UNAVAILABLE', 'The engine was stopped.', 1);
}

export function unloadedMeanwhile(): DomainError {
  return retryable('MODEL_UNAVAILABLE', 'The model was unloaded before it was ready.', 1);
}

export function tokenizerCrashed(): DomainError {
  return retryable('MODEL_UNAVAILABLE', 'The tokenizer stopped unexpectedly.', 1);
}

export function tokenizerStopped(): DomainError {
  return retryable('MODEL_UNAVAILABLE', 'The tokenizer was stopped.', 1);
}

export function modelUnavailable(reason: string, afterSeconds: number): DomainError {
  return retryable('MODEL_UNAVAILABLE', `The model is not available: ${ended(reason)}`, afterSeconds);
}

/** Without advice: it is shown as the model's state, too. */
export function modelUnreadable(model: string, reason: string): DomainError {
  const message = `The model ${model} cannot be read: ${ended(reason)}`;
  return new DomainError('MODEL_UNAVAILABLE', message, { retryAfterSeconds: 5 });
}

export function promptTooLong(model: string, promptTokens: number, contextSize: number): DomainError {
  return new DomainError(
    'CONTEXT_LENGTH_EXCEEDED',
    `The prompt has at least ${promptTokens} tokens; ${model} holds ${contextSize}. Shorten the prompt.`,
    { promptTokens, contextSize },
  );
}

export function noChatTemplate(model: string): DomainError {
  return messagesRefused(`The model ${model} has no chat template: use \`prompt\` instead of \`messages\`.`);
}

export function messagesRefused(message: string): DomainError {
  return new DomainError('INVALID_INPUT', message, { issues: [{ path: ['messages'], code: 'template', message }] });
}

function retryable(code: 'ENGINE_CRASHED' | 'MODEL_UNAVAILABLE', what: string, afterSeconds: number): DomainError {
  const retryAfterSeconds = Math.max(1, Math.ceil(afterSeconds));
  return new DomainError(code, `${what} Try again in ${retryAfterSeconds} s.`, { retryAfterSeconds });
}

/** A reason that is a sentence, such as another failure's, has its end. */
function ended(reason: string): string {
  return reason.endsWith('.') ? reason : `${reason}.`;
}
