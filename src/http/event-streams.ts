import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  OperationTypeNode,
} from 'graphql';
import { DomainError } from '../contracts/errors.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Authenticator } from '../domain/access/authenticate.ts';
import type { PrincipalWatch } from '../domain/access/principal-watch.ts';
import type { Services } from '../graphql/context.ts';
import { maskError } from '../graphql/errors.ts';
import { authenticateHeader } from './authenticate.ts';
import type { Documents } from './documents.ts';
import { createEventStreamConnections } from './event-stream-connections.ts';
import { eventStreamWish, type OperationRequest, readOperationRequest } from './graphql-request.ts';
import { type OperationContext, openOperation } from './operation.ts';

export interface EventStreamsOptions {
  readonly schema: GraphQLSchema;
  readonly documents: Documents;
  readonly services: Services;
  readonly authenticator: Authenticator;
  readonly principalWatch: PrincipalWatch;
  readonly pingSeconds: number;
  readonly stallSeconds: number;
  readonly logger: Logger;
}

/** GraphQL over Server-Sent Events (the graphql-sse protocol, distinct connections): one operation per response. */
export interface EventStreams {
  /** False where the request asks for something else. Whatever is wrong with one that does is told in the stream. */
  answer(
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer | undefined,
    headers: Readonly<Record<string, string>>,
  ): boolean;
}

const longestHeartbeatSeconds = 15;
const complete = 'event: complete\ndata:\n\n';

export function createEventStreams(options: EventStreamsOptions): EventStreams {
  const { schema, documents, services, authenticator, principalWatch, pingSeconds, stallSeconds, logger } = options;
  const heartbeatSeconds = Math.min(pingSeconds, longestHeartbeatSeconds);
  const connections = createEventStreamConnections({ heartbeatSeconds, stallSeconds, logger });

  async function stream(
    request: IncomingMessage,
    response: ServerResponse,
    { request: asked, operation, errors }: { request: OperationRequest } & Found,
    headers: Readonly<Record<string, string>>,
  ): Promise<void> {
    const leaving = new AbortController();
    const requestId = randomUUID();
    let unwatch = () => {};
    let results: AsyncIterableIterator<string> | undefined;

    const leave = () => {
      leaving.abort();
      results?.return?.().catch(() => {});
    };
    const connection = connections.open(response, headers, () => {
      unwatch();
      leave();
    });
    const showErrors = (errors: readonly unknown[]) =>
      nextEvent({ errors: errors.map((error) => maskError(error, requestId, logger)) }, undefined);

    if (!operation || errors.length > 0) return connection.end(showErrors(errors) + complete);
    try {
      const principal = await authenticateHeader(authenticator, request.headers.authorization);
      if (leaving.signal.aborted) return;
      const contextValue: OperationContext = {
        principal,
        services,
        requestId,
        signal: leaving.signal,
        leaving,
        resumeAfter: lastEventId(request),
      };
      if (principal) {
        unwatch = principalWatch.watch(principal, (reason) => {
          connection.endNow(showErrors([new DomainError('FORBIDDEN', reason)]) + complete);
          leave();
        });
      }
      const opened = open({ request: asked, operation }, contextValue);
      results = opened;
      for await (const event of opened) await connection.write(event);
      connection.end(complete);
    } catch (error) {
      connection.end(showErrors([error]) + complete);
    }
  }

  function open({ operation, request }: Asked, contextValue: OperationContext): AsyncIterableIterator<string> {
    const { document, type } = operation;
    const args: ExecutionArgs = {
      schema,
      document,
      operationName: request.operationName ?? null,
      variableValues: request.variables ?? null,
      contextValue,
    };
    return openOperation({
      args,
      type: type === OperationTypeNode.SUBSCRIPTION ? 'subscription' : 'query or mutation',
      show: nextEvent,
      logger,
    });
  }

  return {
    answer(request, response, body, headers) {
      const wish = eventStreamWish(request.headers.accept);
      if (wish === 'never') return false;
      const asked = readOperationRequest(request, body);
      if (!asked || (wish === 'for subscriptions' && !asked.query.includes('subscription'))) return false;
      const found = findOperation(documents, asked);
      const type = found.operation?.type;
      if (wish === 'for subscriptions' && type !== OperationTypeNode.SUBSCRIPTION) return false;
      if (request.method === 'GET' && type === OperationTypeNode.MUTATION) return false;
      stream(request, response, { request: asked, ...found }, headers).catch((error) => {
        logger.error({ err: error }, 'an event stream ended badly');
        response.destroy();
      });
      return true;
    },
  };
}

interface Asked {
  readonly request: OperationRequest;
  readonly operation: Operation;
}

interface Operation {
  readonly document: DocumentNode;
  readonly type: OperationTypeNode;
}

interface Found {
  /** Absent where it cannot be told which is meant. */
  readonly operation?: Operation;
  readonly errors: readonly GraphQLError[];
}

function findOperation(documents: Documents, { query, operationName }: OperationRequest): Found {
  const { document, errors } = documents.read(query);
  const type = document && getOperationAST(document, operationName)?.operation;
  if (document && type) return { operation: { document, type }, errors };
  return { errors: errors.length > 0 ? errors : [new GraphQLError('Name one of the operations of the document.')] };
}

/** The seq of the last event that a reconnecting client has: what an EventSource sends by itself. */
function lastEventId({ headers }: IncomingMessage): number {
  const id = headers['last-event-id'];
  return typeof id === 'string' && /^\d{1,15}$/u.test(id) ? Number(id) : 0;
}

function nextEvent(result: ExecutionResult, seq: number | undefined): string {
  const id = seq === undefined ? '' : `id: ${seq}\n`;
  return `event: next\n${id}data: ${JSON.stringify(result)}\n\n`;
}
