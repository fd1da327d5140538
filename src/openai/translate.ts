import type { ChatMessage, FinishReason, InferenceUsage } from '../contracts/inference.ts';
import { OpenAiError } from './errors.ts';
import { idempotencyKeys } from './idempotency-keys.ts';
import { promptsOf } from './prompts.ts';
import type { ChatBody, CompletionBody, GenerationBody } from './requests.ts';
import type { FinishReasonBody, UsageBody } from './responses.ts';

/** What OpenAI's completions take where `max_tokens` is absent; chat takes what the model's default and the limits leave. */
const defaultCompletionTokens = 16;

/** Inputs of domain completions, one per prompt. The domain checks every value in them. */
export type DomainInput = Readonly<Record<string, unknown>>;

/** The completions of a legacy request: one per prompt. */
export function completionInputs(
  body: CompletionBody,
  model: string,
  idempotencyKey: string | undefined,
): DomainInput[] {
  const shared = {
    ...generationInput(body),
    model,
    maxTokens: body.max_tokens ?? defaultCompletionTokens,
    user: body.user,
  };
  const prompts = promptsOf(body.prompt);
  if (idempotencyKey === undefined) return prompts.map((prompt) => ({ ...shared, ...prompt }));
  const keys = idempotencyKeys(idempotencyKey, prompts);
  return prompts.map((prompt, index) => ({ ...shared, ...prompt, ...keys[index] }));
}

export function chatInput(body: ChatBody, idempotencyKey: string | undefined): DomainInput {
  if (typeof body.max_tokens === 'number' && typeof body.max_completion_tokens === 'number') {
    throw new OpenAiError(
      400,
      'invalid_value',
      'Give one of max_tokens and max_completion_tokens.',
      'max_completion_tokens',
    );
  }
  return {
    ...generationInput(body),
    model: body.model,
    messages: body.messages.map(toMessage),
    maxTokens: body.max_completion_tokens ?? body.max_tokens,
    user: body.user ?? body.safety_identifier,
    metadata: body.metadata,
    store: body.store,
    idempotencyKey,
  };
}

const roles = {
  system: 'SYSTEM',
  developer: 'SYSTEM',
  user: 'USER',
  assistant: 'ASSISTANT',
} as const satisfies Record<ChatBody['messages'][number]['role'], ChatMessage['role']>;

function toMessage({ role, content }: ChatBody['messages'][number]): ChatMessage {
  const text = typeof content === 'string' ? content : content.map((part) => part.text).join('\n');
  return { role: roles[role], content: text };
}

function generationInput(body: GenerationBody): DomainInput {
  if (body.stream_options && !body.stream) {
    throw new OpenAiError(
      400,
      'invalid_value',
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      'stream_options',
    );
  }
  return {
    // A reader that leaves ends the generation at once; with an idempotency key, when nobody came back within the grace period.
    mode: 'WAIT',
    temperature: body.temperature,
    topP: body.top_p,
    topK: body.top_k,
    minP: body.min_p,
    n: body.n,
    stop: typeof body.stop === 'string' ? [body.stop] : body.stop,
    seed: typeof body.seed === 'number' ? modulo(body.seed, 2 ** 32) : body.seed,
    presencePenalty: body.presence_penalty,
    frequencyPenalty: body.frequency_penalty,
    repeatPenalty: body.repeat_penalty,
    logitBias: body.logit_bias,
  };
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

/** A choice that ended otherwise has no finish reason of its own: its completion failed or was cancelled, which is an error. */
export function toFinishReason(reason: FinishReason): FinishReasonBody | null {
  switch (reason) {
    case 'STOP':
    case 'STOP_SEQUENCE':
      return 'stop';
    case 'LENGTH':
      return 'length';
    case 'TOOL_CALLS':
      return 'tool_calls';
    case 'CANCELLED':
    case 'TIMEOUT':
    case 'ERROR':
      return null;
    default:
      return reason satisfies never;
  }
}

/** What all completions of a request used. */
export function toUsage(usages: readonly InferenceUsage[]): UsageBody {
  let promptTokens = 0;
  let completionTokens = 0;
  let cachedTokens = 0;
  for (const usage of usages) {
    promptTokens += usage.promptTokens;
    completionTokens += usage.completionTokens;
    cachedTokens += usage.cachedPromptTokens;
  }
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    completion_tokens_details: { reasoning_tokens: 0 },
  };
}
