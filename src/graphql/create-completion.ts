import { DomainError } from '../contracts/errors.ts';
import type { Completion } from '../contracts/stores/completions.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { CompletionNode } from './completion.ts';
import type { GraphqlContext } from './context.ts';
import { CompletionModeEnum } from './enums.ts';
import { MessageInput } from './message-input.ts';
import {
  ContextLengthExceededError,
  IdempotencyConflictError,
  InvalidInputError,
  ModelNotFoundError,
  ModelUnavailableError,
  OverloadedError,
  PayloadTooLargeError,
  QuotaExceededError,
  RateLimitedError,
} from './user-errors.ts';

const CreateCompletionInput = builder.inputType('CreateCompletionInput', {
  description: 'What to generate, from exactly one of prompt and messages. Values out of range: INVALID_INPUT.',
  fields: (t) => ({
    model: t.string({ required: true, description: 'Name or alias of a model that the API key may use.' }),
    prompt: t.string({ description: 'Raw text to continue, not empty, well-formed Unicode.' }),
    messages: t.field({
      type: [MessageInput],
      description: 'A conversation of 1 to 1000 messages, for models with a chat template; else INVALID_INPUT.',
    }),
    mode: t.field({
      type: CompletionModeEnum,
      required: true,
      defaultValue: 'WAIT',
      description: 'When the mutation answers, and what happens when nobody reads.',
    }),
    maxTokens: t.int({
      description:
        "Most tokens per choice, at least 1. Omitted: the model's defaultMaxTokens, lowered to what quota and context leave; given: refused where it does not fit.",
    }),
    n: t.int({ description: 'Number of choices, 1 to the configured most (8). Default 1.' }),
    stop: t.stringList({
      description:
        'Sequences that end a choice and are cut from it: at most 16 (configurable), of 1 to 512 characters. Default none.',
    }),
    temperature: t.float({ description: 'Randomness, 0 (greedy) to 2. Default 1.' }),
    topP: t.float({ description: 'Keep the likeliest tokens up to this probability, 0 to 1. Default 1 (all).' }),
    topK: t.int({ description: 'Keep this many of the likeliest tokens, 0 to 1000000. Default 0 (off).' }),
    minP: t.float({
      description: 'Keep tokens at least this likely relative to the likeliest, 0 to 1. Default 0 (off).',
    }),
    seed: t.field({
      type: 'UInt32',
      description:
        'Choice i samples with seed + i (modulo 2³²), 0 to 4294967295. Default random; the completion tells it.',
    }),
    presencePenalty: t.float({
      description: 'Against tokens that the generated text has at all, −2 to 2. Default 0.',
    }),
    frequencyPenalty: t.float({
      description: 'Against tokens by how often the generated text has them, −2 to 2. Default 0.',
    }),
    repeatPenalty: t.float({ description: 'Divides the logits of repeated tokens, 0.1 to 10. Default 1 (off).' }),
    logitBias: t.field({
      type: 'JSON',
      description:
        'Added to the logits of tokens before sampling: an object of at most 1024 token ids, each with a number from −100 to 100. Send it as a variable: GraphQL cannot write numeric names. Default none.',
    }),
    user: t.string({ description: 'Your own tag of at most 255 characters, kept with the usage for good.' }),
    metadata: t.field({
      type: 'JSON',
      description:
        'Your own data, at most 16384 bytes, kept with the completion until `retention.contentDays` (30) are over.',
    }),
    idempotencyKey: t.string({
      description:
        'At most 255 characters, unique per API key, kept for a day at least: the same key with the same input is the same completion, run and billed once, whatever its state; with another input IDEMPOTENCY_CONFLICT.',
    }),
    priority: t.int({
      description: "Order within the API key's own waiting completions, −100 to 100, higher first. Default 0.",
    }),
    timeoutSeconds: t.float({
      description: 'Deadline from admission, the wait included, above 0 to 86400. Default 600.',
    }),
    store: t.boolean({
      description:
        'Whether prompt and text are kept after the end; WAIT answers with the text either way. Default true.',
    }),
  }),
});

const CreateCompletionPayload = builder
  .objectRef<{ readonly completion: Completion }>('CreateCompletionPayload')
  .implement({
    description: 'The completion: finished with WAIT, as it stands with STREAM and BACKGROUND.',
    fields: (t) => ({
      completion: t.field({
        type: CompletionNode,
        description: 'The completion. One that failed is answered too: see its `status` and `error`.',
        resolve: ({ completion }) => completion,
      }),
    }),
  });

builder.mutationField('createCompletion', (t) =>
  t.field({
    type: CreateCompletionPayload,
    description:
      'Creates a completion and runs it. Errors answer what was refused before it existed, which leaves no trace; from then on it is always the payload. Needs the scope COMPLETIONS.',
    authScopes: { scope: 'COMPLETIONS' },
    args: { input: t.arg({ type: CreateCompletionInput, required: true, description: 'What to generate.' }) },
    errors: {
      types: [
        InvalidInputError,
        PayloadTooLargeError,
        ModelNotFoundError,
        ModelUnavailableError,
        ContextLengthExceededError,
        RateLimitedError,
        QuotaExceededError,
        OverloadedError,
        IdempotencyConflictError,
      ],
      union: { name: 'CreateCompletionResult', description: 'The completion, or why there is none.' },
    },
    resolve: (_root, { input }, context) => create(input, context),
  }),
);

async function create(
  input: typeof CreateCompletionInput.$inferInput,
  context: GraphqlContext,
): Promise<{ readonly completion: Completion }> {
  const { completions } = context.services;
  const principal = caller(context);
  try {
    const { completion } = await completions.create(principal, input, context.signal);
    if (input.mode !== 'WAIT') return { completion };
    return { completion: await completions.waitForEnd(principal, completion, context.signal) };
  } catch (error) {
    const { aborted, reason } = context.signal;
    if (!aborted) throw error;
    if (reason instanceof DomainError) throw reason;
    throw new DomainError('CANCELLED', 'The caller has left.', {}, { cause: error });
  }
}
