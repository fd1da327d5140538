import { randomUUID } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Handler, MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { DomainError } from '../contracts/errors.ts';
import { chatGeneration } from './chat-completions.ts';
import { completionGeneration } from './completions.ts';
import type { OpenAiContext, OpenAiEnvironment, OpenAiFaceOptions } from './context.ts';
import { describePaths } from './document.ts';
import { answerError, maskedError, OpenAiError } from './errors.ts';
import { createGenerate } from './generate.ts';
import { createModelCatalogue } from './models.ts';
import { notYetEndpoints } from './not-yet.ts';
import { createRateLimits } from './rate-limits.ts';

export type OpenAiFace = Pick<OpenAPIHono<OpenAiEnvironment>, 'fetch'>;

/** The OpenAI API under `/v1`: a translation, over the same domain as every other face. */
export function createOpenAiFace(options: OpenAiFaceOptions): OpenAiFace {
  const { services, allowedOrigins, logger } = options;
  const rateLimits = createRateLimits(services.usage);
  const catalogue = createModelCatalogue(services.models, Math.floor(Date.now() / 1_000));
  const generate = createGenerate(options, rateLimits);
  const app = new OpenAPIHono<OpenAiEnvironment>();

  const identified: MiddlewareHandler<OpenAiEnvironment> = async (context, next) => {
    const requestId = `req_${randomUUID().replaceAll('-', '')}`;
    context.set('requestId', requestId);
    context.header('x-request-id', requestId);
    await next();
  };
  const authenticated: MiddlewareHandler<OpenAiEnvironment> = async (context, next) => {
    const principal = await options.authenticate(context.req.header('authorization'));
    if (!principal) throw new DomainError('UNAUTHENTICATED', 'Send the API key as "Authorization: Bearer slc_…".');
    context.set('principal', principal);
    await next();
  };

  app.use(identified);
  if (allowedOrigins.length > 0) {
    const origin = allowedOrigins.includes('*') ? '*' : [...allowedOrigins];
    app.use(cors({ origin, exposeHeaders: exposedHeaders, maxAge: 600 }));
  }

  app
    .get('/v1/models', authenticated, (context) =>
      context.json({ object: 'list', data: catalogue.list(context.get('principal')) }),
    )
    .all(refuseAllBut('GET, HEAD'));
  app
    .get('/v1/models/:model{.+}', authenticated, (context) =>
      context.json(catalogue.find(context.get('principal'), context.req.param('model'))),
    )
    .all(refuseAllBut('GET, HEAD'));
  app
    .get('/v1/engines', authenticated, (context) =>
      context.json({ object: 'list', data: catalogue.engines(context.get('principal')) }),
    )
    .all(refuseAllBut('GET, HEAD'));
  app
    .post('/v1/engines/:engine{.+}/completions', authenticated, async (context) => {
      const engine = context.req.param('engine');
      return generate(context, completionGeneration(await readJson(context), idempotencyKey(context), engine));
    })
    .all(refuseAllBut('POST'));
  // Names may have slashes, yet no name is to hide the path above from methods that it refuses.
  app
    .get('/v1/engines/:engine{.+(?<!/completions)}', authenticated, (context) =>
      context.json(catalogue.findEngine(context.get('principal'), context.req.param('engine'))),
    )
    .all(refuseAllBut('GET, HEAD'));
  app
    .post('/v1/completions', authenticated, async (context) =>
      generate(context, completionGeneration(await readJson(context), idempotencyKey(context), undefined)),
    )
    .all(refuseAllBut('POST'));
  app
    .post('/v1/chat/completions', authenticated, async (context) =>
      generate(context, chatGeneration(await readJson(context), idempotencyKey(context))),
    )
    .all(refuseAllBut('POST'));
  describePaths(app.openAPIRegistry, app);
  app.all('/v1/openapi.json', refuseAllBut('GET, HEAD'));

  app.notFound((context) => {
    throw unknownPath(context.req.method, context.req.path);
  });
  app.onError(async (error, context) => {
    if (context.req.raw.signal.aborted) return new Response(null, { status: clientHasLeft });
    const requestId = context.get('requestId');
    let answer = answerError(error);
    if (!answer) {
      logger.error({ err: error, requestId, path: context.req.path }, 'a request failed unexpectedly');
      answer = maskedError(requestId);
    }
    const principal = context.get('principal');
    const limits = answer.status === 429 ? await rateLimits.headers(principal).catch(() => ({})) : {};
    return context.json(answer.body, answer.status as ContentfulStatusCode, { ...answer.headers, ...limits });
  });
  return app;

  async function readJson(context: OpenAiContext): Promise<unknown> {
    if (context.env.bodyTooLarge) {
      throw new DomainError('PAYLOAD_TOO_LARGE', `The request is over ${options.requestBytes} bytes.`);
    }
    const text = await context.req.text();
    try {
      return JSON.parse(text);
    } catch (error) {
      const message = `We could not parse the JSON body of your request: ${(error as Error).message}`;
      throw new OpenAiError(400, 'invalid_json', message);
    }
  }
}

/** Nobody reads it: the status is for the log of a proxy. */
const clientHasLeft = 499;

const exposedHeaders = [
  'x-request-id',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  ...['limit', 'remaining', 'reset'].flatMap((part) =>
    ['requests', 'tokens'].map((kind) => `x-ratelimit-${part}-${kind}`),
  ),
];

function idempotencyKey(context: OpenAiContext): string | undefined {
  return context.req.header('idempotency-key');
}

function refuseAllBut(allow: string): Handler<OpenAiEnvironment> {
  return ({ req }) => {
    const message = `Not allowed to ${req.method} on ${req.path}: it takes ${allow}.`;
    throw new OpenAiError(405, 'method_not_supported', message, null, { allow });
  };
}

/** What the official API has and this server not yet is told apart from what nobody knows. */
function unknownPath(method: string, path: string): OpenAiError {
  const endpoint = path.split('/')[2] ?? '';
  if (notYetEndpoints.includes(endpoint)) {
    return new OpenAiError(404, 'unsupported_endpoint', `${method} ${path} is not supported by this server yet.`);
  }
  return new OpenAiError(404, 'unknown_url', `Invalid URL (${method} ${path})`);
}
