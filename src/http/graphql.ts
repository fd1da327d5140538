import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import { GraphQLError, type GraphQLSchema } from 'graphql';
import { createYoga } from 'graphql-yoga';
import type { DomainError } from '../contracts/errors.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Authenticator } from '../domain/access/authenticate.ts';
import type { GraphqlContext, Services } from '../graphql/context.ts';
import { maskError } from '../graphql/errors.ts';
import { authenticateHeader } from './authenticate.ts';
import { exampleOperations } from './graphiql-examples.ts';
import { readBody, refuseBody } from './read-body.ts';
import type { Handler } from './server.ts';

export const graphqlPath = '/graphql';

export interface GraphqlHandlerOptions {
  readonly schema: GraphQLSchema;
  readonly services: Services;
  readonly authenticator: Authenticator;
  readonly allowedOrigins: readonly string[];
  readonly graphiql: boolean;
  readonly requestBytes: number;
  readonly logger: Logger;
}

/** GraphQL over HTTP and SSE, and GraphiQL, at `/graphql`. */
export function createGraphqlHandler(options: GraphqlHandlerOptions): Handler {
  const { schema, services, authenticator, allowedOrigins, graphiql, requestBytes, logger } = options;

  const yoga = createYoga<object, GraphqlContext>({
    schema,
    graphqlEndpoint: graphqlPath,
    landingPage: false,
    logging: false,
    batching: false,
    cors: allowedOrigins.length > 0 ? { origin: [...allowedOrigins], credentials: false } : false,
    graphiql: graphiql && { title: 'Sluice', defaultQuery: exampleOperations },
    renderGraphiQL,
    maskedErrors: {
      maskError: (error) => maskError(error, requestIdOf(error), logger),
    },
    async context({ request }): Promise<GraphqlContext> {
      const requestId = randomUUID();
      try {
        const principal = await authenticateHeader(authenticator, request.headers.get('authorization'));
        return { principal, services, requestId, signal: request.signal };
      } catch (error) {
        throw maskError(error, requestId, logger);
      }
    },
  });

  return async (request, response) => {
    if (request.url?.split('?', 1)[0] !== graphqlPath) return false;
    if (request.method === 'POST') {
      const body = await readBody(request, requestBytes);
      if (!body) {
        const message = `The request is over ${requestBytes} bytes.`;
        const code = 'PAYLOAD_TOO_LARGE' satisfies DomainError['code'];
        refuseBody(response, { errors: [{ message, extensions: { code } }] });
        return true;
      }
      // Read here so that its size is bounded; handed on as the stream that Yoga expects.
      Object.assign(request, { body: Readable.from([body]) });
    }
    await yoga(request, response);
    return true;
  };
}

/** Errors that a resolver threw carry nothing of their request; a masked one gets an id of its own. */
function requestIdOf(error: unknown): string {
  const known = error instanceof GraphQLError ? error.extensions.requestId : undefined;
  return typeof known === 'string' ? known : randomUUID();
}
