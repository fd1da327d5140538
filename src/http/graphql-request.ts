import type { IncomingMessage } from 'node:http';
import { z } from 'zod';

/** What a request asks to be executed, as GraphQL over HTTP carries it: in the query of a GET, or as the JSON body of a POST. */
export type OperationRequest = z.infer<typeof operationRequestSchema>;

const operationRequestSchema = z.object({
  query: z.string(),
  operationName: z.string().nullish(),
  variables: z.record(z.string(), z.unknown()).nullish(),
});

/** Undefined where it is carried in another way, or none at all. */
export function readOperationRequest(request: IncomingMessage, body: Buffer | undefined): OperationRequest | undefined {
  try {
    const carried = request.method === 'GET' ? queryOf(request) : isJson(request) && JSON.parse(String(body));
    return operationRequestSchema.safeParse(carried).data;
  } catch {
    return undefined;
  }
}

function queryOf({ url = '' }: IncomingMessage): object {
  const { variables, ...rest } = Object.fromEntries(new URLSearchParams(url.slice(url.indexOf('?') + 1)));
  return variables ? { ...rest, variables: JSON.parse(variables) } : rest;
}

function isJson({ method, headers }: IncomingMessage): boolean {
  return method === 'POST' && /^application\/(graphql\+)?json\b/iu.test(headers['content-type'] ?? '');
}

/** When the answer is to be an event stream. */
export type EventStreamWish = 'always' | 'for subscriptions' | 'never';

export function eventStreamWish(accept: string | undefined): EventStreamWish {
  const accepted = (accept || '*/*')
    .split(',')
    .map((range) => {
      const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
      const quality = parameters.find((parameter) => parameter.startsWith('q='));
      return { type, quality: quality === undefined ? 1 : Number(quality.slice(2)) };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
  if (accepted[0]?.type === eventStreamType) return 'always';
  return accepted.some(({ type }) => [eventStreamType, 'text/*', '*/*'].includes(type)) ? 'for subscriptions' : 'never';
}

const eventStreamType = 'text/event-stream';
