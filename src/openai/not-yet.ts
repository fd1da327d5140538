import { z } from '@hono/zod-openapi';

/**
 * What the official API has and the core has not yet, with the values that change nothing and are therefore accepted. Every other
 * value is refused by name, never ignored. When the core learns one, its line moves from here to the schema of the request.
 */
export const notYetInCompletions = {
  best_of: z.literal(1),
  echo: z.literal(false),
  logprobs: z.literal(false),
  suffix: z.literal(''),
};

export const notYetInChat = {
  audio: nothing(),
  function_call: z.enum(['none', 'auto']),
  functions: z.array(z.unknown()).max(0),
  logprobs: z.literal(false),
  modalities: z.array(z.literal('text')).length(1),
  prediction: nothing(),
  reasoning_effort: z.literal('none'),
  response_format: z.strictObject({ type: z.literal('text') }),
  tool_choice: z.enum(['none', 'auto']),
  tools: z.array(z.unknown()).max(0),
  top_logprobs: z.literal(0),
  verbosity: z.literal('medium'),
  web_search_options: nothing(),
};

/** Of an earlier answer that is sent back as part of the conversation: empty there, refused with content. */
export const notYetInMessages = {
  annotations: z.array(z.unknown()).max(0),
  audio: nothing(),
  function_call: nothing(),
  name: nothing(),
  refusal: nothing(),
  tool_calls: z.array(z.unknown()).max(0),
};

/** Endpoints of the official API that are not here, told apart from mistyped ones. */
export const notYetEndpoints = [
  'assistants',
  'audio',
  'batches',
  'conversations',
  'edits',
  'embeddings',
  'files',
  'fine-tunes',
  'fine_tuning',
  'images',
  'moderations',
  'realtime',
  'responses',
  'threads',
  'uploads',
  'vector_stores',
  'videos',
];

/** Nothing but null, which is absent. */
function nothing() {
  return z.null();
}
