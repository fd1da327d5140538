import { z } from '@hono/zod-openapi';
import { notYetInChat, notYetInCompletions, notYetInMessages } from './not-yet.ts';
import { promptSchema } from './prompts.ts';

type Shape = Readonly<Record<string, z.ZodType>>;

/**
 * A request body: what is passed on to the domain (which checks ranges, the same for every face) and what is not there yet.
 * `null` means absent everywhere.
 */
export interface BodyRules<Passed extends z.ZodObject> {
  readonly passed: Passed;
  readonly notYet: Shape;
  /** For the document: both together. */
  readonly documented: z.ZodType;
}

const number = (minimum: number, maximum: number, description: string) =>
  z.number().nullish().openapi({ minimum, maximum, description });

const generation = {
  temperature: number(0, 2, 'Randomness; 0 is greedy. Default 1.'),
  top_p: number(0, 1, 'Keep the likeliest tokens up to this probability. Default 1.'),
  n: z
    .int()
    .nullish()
    .openapi({ minimum: 1, description: 'Number of choices, 1 to the configured most (8). Default 1.' }),
  stop: z
    .union([z.string(), z.array(z.string())])
    .nullish()
    .describe('Up to 16 (configurable) sequences that end a choice and are cut from it.'),
  seed: z
    .int()
    .nullish()
    .describe('Choice i samples with seed + i. Taken modulo 2³². The same request and seed give the same text.'),
  presence_penalty: number(-2, 2, 'Against tokens that the generated text has at all. Default 0.'),
  frequency_penalty: number(-2, 2, 'Against tokens by how often the generated text has them. Default 0.'),
  logit_bias: z
    .record(z.string(), z.number())
    .nullish()
    .describe("Token ids of this server's model, each with −100 to 100 to add to its logit."),
  user: z.string().nullish().describe('Your own tag of at most 255 characters, kept with the usage for good.'),
  stream: z.boolean().nullish().describe('Answer with Server-Sent Events. Default false.'),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().nullish().describe('Send one more chunk with the usage before `[DONE]`.'),
      include_obfuscation: z.boolean().nullish().describe('Accepted without effect: nothing is padded.'),
    })
    .nullish()
    .describe('Only with `stream: true`.'),
  top_k: z
    .int()
    .nullish()
    .openapi({ minimum: 0, description: 'Not of OpenAI: keep this many of the likeliest tokens. Default 0 (off).' }),
  min_p: number(0, 1, 'Not of OpenAI: keep tokens at least this likely relative to the likeliest. Default 0 (off).'),
  repeat_penalty: number(0.1, 10, 'Not of OpenAI: divides the logits of repeated tokens. Default 1 (off).'),
};

const model = z.string().describe('Name or alias of a model.').openapi({ example: 'gpt-4o-mini' });

export const completionRules = bodyRules(
  'CreateCompletionRequest',
  {
    prompt: promptSchema,
    max_tokens: z
      .int()
      .nullish()
      .openapi({ minimum: 1, description: 'Most tokens per choice. Default 16, as OpenAI has it.' }),
    ...generation,
  },
  notYetInCompletions,
  { model: model.optional() },
);

const textPart = z.strictObject({ type: z.literal('text'), text: z.string() });

const message = z
  .strictObject({
    role: z
      .enum(['system', 'developer', 'user', 'assistant'], {
        error: ({ input }) =>
          input === 'tool' || input === 'function' ? `the role "${input}" is not supported yet` : undefined,
      })
      .describe('`developer` is `system` under its newer name.'),
    content: z
      .union([z.string(), z.array(textPart).min(1)], {
        error:
          'expected a string or an array of parts {"type": "text", "text": "…"}; other parts are not supported yet',
      })
      .describe('Text parts are joined by newlines.'),
    ...onlyNeutral(notYetInMessages),
  })
  .openapi('ChatMessage');

export const chatRules = bodyRules(
  'CreateChatCompletionRequest',
  {
    messages: z.array(message).describe('A conversation of 1 to 1000 messages, for models with a chat template.'),
    max_tokens: z.int().nullish().openapi({
      minimum: 1,
      description: "Most tokens per choice. Default: the model's, as far as quota and context go.",
    }),
    max_completion_tokens: z
      .int()
      .nullish()
      .openapi({ minimum: 1, description: 'The newer name of max_tokens; give one of the two.' }),
    ...generation,
    metadata: z
      .record(z.string(), z.string())
      .nullish()
      .describe('Your own data, at most 16384 bytes, kept as long as prompt and text.'),
    store: z.boolean().nullish().describe('false: prompt and text are not kept after the end. Default true.'),
    safety_identifier: z.string().nullish().describe('The newer name of user, which wins where both are given.'),
    service_tier: z.enum(['auto', 'default']).nullish().describe('Accepted without effect: there is one tier.'),
    parallel_tool_calls: z.boolean().nullish().describe('Accepted without effect: there are no tools yet.'),
    prompt_cache_key: z.string().nullish().describe('Accepted without effect: shared prefixes are found without it.'),
    prompt_cache_retention: z.string().nullish().describe('Accepted without effect.'),
  },
  notYetInChat,
  { model },
);

export type CompletionBody = z.output<(typeof completionRules)['passed']>;
export type ChatBody = z.output<(typeof chatRules)['passed']>;
export type GenerationBody = Pick<ChatBody, keyof typeof generation>;

function bodyRules<Passed extends z.ZodRawShape, Model extends z.ZodRawShape>(
  name: string,
  passed: Passed,
  notYet: Shape,
  named: Model,
) {
  const object = z.object({ ...named, ...passed });
  return {
    passed: object,
    notYet,
    documented: z.strictObject({ ...named, ...passed, ...onlyNeutral(notYet) }).openapi(name),
  } satisfies BodyRules<typeof object>;
}

function onlyNeutral(shape: Shape): Record<string, z.ZodType> {
  const neutral = Object.entries(shape).map(([name, schema]) => [
    name,
    schema.nullish().describe('Not supported yet: only values without effect are accepted.'),
  ]);
  return Object.fromEntries(neutral);
}
