import { z } from '@hono/zod-openapi';

/** What is answered, for the OpenAPI document (and for tests: nothing is parsed at run time). */
const usage = z
  .object({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    prompt_tokens_details: z.object({
      cached_tokens: z.int().describe('Of the prompt tokens, those that did not need to be evaluated again.'),
    }),
    completion_tokens_details: z.object({ reasoning_tokens: z.int() }),
  })
  .openapi('Usage');

export type UsageBody = z.infer<typeof usage>;

const finishReason = z.enum(['stop', 'length', 'tool_calls']);
export type FinishReasonBody = z.infer<typeof finishReason>;

const textChoice = z.object({
  index: z.int(),
  text: z.string(),
  logprobs: z.null(),
  finish_reason: finishReason.nullable(),
});

export const completionResponse = z
  .object({
    id: z.string(),
    object: z.literal('text_completion'),
    created: z.int().describe('Unix time in seconds.'),
    model: z.string().describe("The model's own name, also where the request used an alias."),
    choices: z.array(textChoice),
    usage: z.union([usage, z.null()]).optional().describe('In a stream only in the last chunk, and only on request.'),
  })
  .openapi('CompletionResponse');

export type CompletionResponse = z.infer<typeof completionResponse>;

const chatHead = { id: z.string(), created: z.int(), model: z.string() };

export const chatResponse = z
  .object({
    ...chatHead,
    object: z.literal('chat.completion'),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string(),
          refusal: z.null(),
          annotations: z.array(z.unknown()),
        }),
        logprobs: z.null(),
        finish_reason: finishReason,
      }),
    ),
    usage,
  })
  .openapi('ChatCompletionResponse');

export type ChatResponse = z.infer<typeof chatResponse>;

export const chatChunk = z
  .object({
    ...chatHead,
    object: z.literal('chat.completion.chunk'),
    choices: z.array(
      z.object({
        index: z.int(),
        delta: z.object({
          role: z.literal('assistant').optional(),
          content: z.string().optional(),
          refusal: z.null().optional(),
        }),
        logprobs: z.null(),
        finish_reason: finishReason.nullable(),
      }),
    ),
    usage: z.union([usage, z.null()]).optional(),
  })
  .openapi('ChatCompletionChunk');

export const errorResponse = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .openapi('ErrorResponse');

export type ErrorBody = z.infer<typeof errorResponse>;

export const modelResponse = z
  .object({
    id: z.string().describe('A name or an alias: what requests may use.'),
    object: z.literal('model'),
    created: z.int(),
    owned_by: z.string(),
    root: z.string().describe("The model's own name."),
    parent: z.null(),
  })
  .openapi('Model');

export type ModelResponse = z.infer<typeof modelResponse>;

export const modelList = z.object({ object: z.literal('list'), data: z.array(modelResponse) }).openapi('ModelList');

export const engineResponse = z
  .object({
    id: z.string(),
    object: z.literal('engine'),
    created: z.null(),
    owner: z.string(),
    permissions: z.null(),
    ready: z.boolean(),
  })
  .openapi('Engine');

export type EngineResponse = z.infer<typeof engineResponse>;

export const engineList = z.object({ object: z.literal('list'), data: z.array(engineResponse) }).openapi('EngineList');
