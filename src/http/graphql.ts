import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import { GraphQLError, type GraphQLSchema } from 'graphql';
import { createYoga } from 'graphql-yoga';
import { DomainError } from '../contracts/errors.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Authenticator } from '../domain/access/authenticate.ts';
import type { PrincipalWatch } from '../domain/access/principal-watch.ts';
import type { GraphqlContext, Services } from '../graphql/context.ts';
import { maskError } from '../graphql/errors.ts';
import { authenticateHeader } from './authenticate.ts';
import type { Documents } from './documents.ts';
import { createEventStreams } from './event-streams.ts';
import { exampleOperations } from './graphiql-examples.ts';
import { largestBodyBytes, readBody, refuseBody } from './read-body.ts';
import type { Handler } from './server.ts';
import { useDocuments } from './yoga-documents.ts';

export const graphqlPath = '/graphql';

export interface GraphqlHandlerOptions {
  readonly schema: GraphQLSchema;
  readonly documents: Documents;
  readonly services: Services;
  readonly authenticator: Authenticator;
  readonly allowedOrigins: readonly string[];
  readonly graphiql: boolean;
  readonly requestBytes: number;
  readonly principalWatch: PrincipalWatch;
  readonly pingSeconds: number;
  readonly stallSeconds: number;
  readonly logger: Logger;
}

interface HttpOperation {
  /** Aborted when the response has closed, or, with the error to show, when the key is one no longer. */
  readonly leaving: AbortController;
}

/** GraphQL over HTTP and SSE, and GraphiQL, at `/graphql`. Yoga answers everything but event streams. */
export function createGraphqlHandler(options: GraphqlHandlerOptions): Handler {
  const { schema, documents, services, authenticator, allowedOrigins, graphiql, requestBytes } = options;
  const { principalWatch, logger } = options;
  const eventStreams = createEventStreams(options);

  const yoga = createYoga<HttpOperation, GraphqlContext>({
    schema,
    graphqlEndpoint: graphqlPath,
    landingPage: false,
    logging: false,
    batching: false,
    parserAndValidationCache: false,
    plugins: [useDocuments(documents)],
    cors: allowedOrigins.length > 0 ? { origin: [...allowedOrigins], credentials: false } : false,
    graphiql: graphiql && { title: 'Sluice', defaultQuery: exampleOperations },
    renderGraphiQL,
    maskedErrors: {
      maskError: (error) => maskError(error, requestIdOf(error), logger),
    },
    async context({ request, leaving }): Promise<GraphqlContext> {
      const requestId = randomUUID();
      const { signal } = leaving;
      try {
        const principal = await authenticateHeader(authenticator, request.headers.get('authorization'));
        if (principal && !signal.aborted) {
          const unwatch = principalWatch.watch(principal, (reason) =>
            leaving.abort(new DomainError('FORBIDDEN', reason)),
          );
          signal.addEventListener('abort', unwatch, { once: true });
        }
        return { principal, services, requestId, signal };
      } catch (error) {
        throw maskError(error, requestId, logger);
      }
    },
  });

  return async (request, response) => {
    if (request.url?.split('?', 1)[0] !== graphqlPath) return false;
    let body: Buffer | undefined;
    if (request.method === 'POST') {
      const largestBytes = await largestBodyBytes(request, authenticator, requestBytes);
      const read = await readBody(request, largestBytes);
      if (read === 'gone') return true;
      if (read === 'too large') {
        const withoutKey = largestBytes < requestBytes ? ', the most without a valid API key' : '';
        const message = `The request is over ${largestBytes} bytes${withoutKey}.`;
        const code = 'PAYLOAD_TOO_LARGE' satisfies DomainError['code'];
        refuseBody(response, { errors: [{ message, extensions: { code } }] });
        return true;
      }
      body = read;
      // Read here so that its size is bounded; handed on as the stream that Yoga expects.
      Object.assign(request, { body: Readable.from([body]) });
    }
    if (eventStreams.answer(request, response, body, crossOriginHeaders(request, allowedOrigins))) return true;
    const leaving = new AbortController();
    response.once('close', () => leaving.abort());
    await yoga(request, response, { leaving });
    return true;
  };
}

/** What lets a page of another origin read an event stream; the rest of CORS is Yoga's. */
function crossOriginHeaders({ headers }: IncomingMessage, allowedOrigins: readonly string[]): Record<string, string> {
  const { origin } = headers;
  if (origin === undefined || !allowedOrigins.some((allowed) => allowed === '*' || allowed === origin)) return {};
  return { 'access-control-allow-origin': origin, vary: 'Origin' };
}

/** Errors that a resolver threw carry nothing of their request; a masked one gets an id of its own. */
function requestIdOf(error: unknown): string {
  const known = error instanceof GraphQLError ? error.extensions.requestId : undefined;
  return typeof known === 'string' ? known : randomUUID();
}
