import { randomInt } from 'node:crypto';
import type { PromptInput } from '../../contracts/inference.ts';
import type { CompletionRequest } from '../../contracts/stores/completions.ts';
import type { CheckedCompletionInput } from './input.ts';

/** What of an input is stored, so that it can be run again. */
export function requestOf(input: CheckedCompletionInput): CompletionRequest {
  const { prompt, n, stop, sampling, priority, timeoutSeconds } = input;
  return {
    prompt: prompt.type === 'text' ? prompt.text : null,
    messages: prompt.type === 'messages' ? prompt.messages : null,
    tokens: prompt.type === 'tokens' ? prompt.tokens : null,
    n,
    stop,
    sampling: { ...sampling, seed: sampling.seed ?? randomInt(2 ** 32) },
    priority,
    timeoutSeconds,
  };
}

export function promptOf({ prompt, messages, tokens }: CompletionRequest): PromptInput {
  if (tokens) return { type: 'tokens', tokens };
  return messages ? { type: 'messages', messages } : { type: 'text', text: prompt ?? '' };
}
