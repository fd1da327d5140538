import { type OpenAPIHono, z } from '@hono/zod-openapi';
import type { OpenAiEnvironment } from './context.ts';
import { chatRules, completionRules } from './requests.ts';
import {
  chatChunk,
  chatResponse,
  completionResponse,
  engineList,
  engineResponse,
  errorResponse,
  modelList,
  modelResponse,
} from './responses.ts';

type Registry = OpenAPIHono<OpenAiEnvironment>['openAPIRegistry'];

const json = (schema: z.ZodType, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});

const failures = {
  '4XX': json(errorResponse, 'Refused: `error.code` says why, and `error.param` what of the request.'),
  '5XX': json(
    errorResponse,
    'The service could not answer. Repeat after `Retry-After`, unless `x-should-retry` is false.',
  ),
};

const generationHeaders = z.object({
  'idempotency-key': z
    .string()
    .optional()
    .describe(
      'At most 255 characters: the same key with the same body is the same completion (of several prompts: the same completions), run and billed once.',
    ),
  'last-event-id': z
    .string()
    .optional()
    .describe('With the same Idempotency-Key and body, of one prompt: go on behind the chunk with this id.'),
});

/** Describes every path for the document that is served. */
export function describePaths(registry: Registry, app: OpenAPIHono<OpenAiEnvironment>): void {
  registry.registerComponent('securitySchemes', 'apiKey', { type: 'http', scheme: 'bearer', description: 'slc_…' });
  registry.register('ChatCompletionChunk', chatChunk);
  const security = [{ apiKey: [] }];

  const read = (path: string, summary: string, schema: z.ZodType, parameter?: string) =>
    registry.registerPath({
      method: 'get',
      path,
      summary,
      security,
      ...(parameter ? { request: { params: z.object({ [parameter]: z.string() }) } } : {}),
      responses: { 200: json(schema, 'The answer.'), ...failures },
    });
  read('/v1/models', 'Names and aliases of the models that the key may use', modelList);
  read('/v1/models/{model}', 'One of them', modelResponse, 'model');
  read('/v1/engines', 'The same, as old clients ask for it', engineList);
  read('/v1/engines/{engine}', 'One of them', engineResponse, 'engine');

  const generate = (path: string, summary: string, body: z.ZodType, answer: z.ZodType, parameter?: string) =>
    registry.registerPath({
      method: 'post',
      path,
      summary,
      security,
      request: {
        headers: generationHeaders,
        body: { required: true, content: { 'application/json': { schema: body } } },
        ...(parameter ? { params: z.object({ [parameter]: z.string() }) } : {}),
      },
      responses: {
        200: {
          description: 'The answer; with `stream: true` events whose `data` is a chunk each, then `[DONE]`.',
          content: { 'application/json': { schema: answer }, 'text/event-stream': { schema: z.string() } },
        },
        ...failures,
      },
    });
  generate('/v1/completions', 'Continue a prompt', completionRules.documented, completionResponse);
  generate(
    '/v1/engines/{engine}/completions',
    'Continue a prompt, as old clients ask for it',
    completionRules.documented,
    completionResponse,
    'engine',
  );
  generate('/v1/chat/completions', 'Answer a conversation', chatRules.documented, chatResponse);

  let document: string | undefined;
  app.get('/v1/openapi.json', (context) => {
    document ??= JSON.stringify(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'Sluice, for OpenAI clients',
          version: '1',
          description:
            'A translation of the OpenAI API. Chunks of streams: ChatCompletionChunk and CompletionResponse.',
        },
        servers: [{ url: '/' }],
      }),
    );
    return context.body(document, 200, { 'content-type': 'application/json; charset=utf-8' });
  });
}
