import type { ExecutionResult } from 'graphql';
import { createClient as createEventStream } from 'graphql-sse';
import { expect } from 'vitest';
import { type Client, expectNoErrors } from './client.ts';

export interface ErrorView {
  readonly __typename: string;
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds?: number | null;
  readonly issues?: readonly { readonly path: readonly string[]; readonly code: string; readonly message: string }[];
  readonly promptTokens?: number;
  readonly contextSize?: number;
  readonly limitName?: string;
  readonly limitScope?: string;
  readonly limit?: string;
  readonly used?: string;
  readonly resetsAt?: string;
}

export interface ChoiceView {
  readonly index: number;
  readonly text: string;
  readonly finishReason: string | null;
  readonly stopSequence: string | null;
}

export interface CompletionView {
  readonly id: string;
  readonly status: string;
  readonly mode: string;
  readonly model: string;
  readonly maxTokens: number;
  readonly n: number;
  readonly seed: number;
  readonly user: string | null;
  readonly metadata: unknown;
  readonly error: ErrorView | null;
  readonly choices: readonly ChoiceView[];
  readonly usage: {
    readonly promptTokens: number;
    readonly cachedPromptTokens: number;
    readonly completionTokens: number;
    readonly totalTokens: number;
    readonly cost: string | null;
  };
}

export interface EventView {
  readonly __typename: string;
  readonly seq: number;
  readonly completionId: string;
  readonly text?: string;
  readonly position?: number;
  readonly choices?: readonly ChoiceView[];
  readonly completion?: CompletionView;
  readonly error?: ErrorView;
}

const errorFields = `__typename ... on UserError { code message }
  ... on InvalidInputError { issues { path code message } }
  ... on ContextLengthExceededError { promptTokens contextSize }
  ... on RateLimitedError { retryAfterSeconds limitName limitScope limit used resetsAt }
  ... on QuotaExceededError { retryAfterSeconds limitName limitScope limit used resetsAt }
  ... on OverloadedError { retryAfterSeconds }
  ... on ModelUnavailableError { retryAfterSeconds }`;

export const completionFields = `id status mode model maxTokens n seed user metadata
  error { __typename code message
    ... on InterruptedError { retryAfterSeconds }
    ... on EngineCrashedError { retryAfterSeconds }
    ... on ModelUnavailableError { retryAfterSeconds } }
  choices { index text finishReason stopSequence }
  usage { promptTokens cachedPromptTokens completionTokens totalTokens cost }`;

export const createDocument = `mutation ($input: CreateCompletionInput!) {
  createCompletion(input: $input) { ... on CreateCompletionPayload { completion { ${completionFields} } } ${errorFields} }
}`;

const cancelDocument = `mutation ($id: ID!) {
  cancelCompletion(input: { id: $id }) { ... on CancelCompletionPayload { completion { ${completionFields} } }
    __typename ... on UserError { code message } }
}`;

export const eventsDocument = `subscription ($id: ID, $idempotencyKey: String, $after: Int) {
  completionEvents(id: $id, idempotencyKey: $idempotencyKey, after: $after) { __typename seq completionId
    ... on CompletionQueued { position }
    ... on CompletionDelta { text choices { index text finishReason stopSequence } }
    ... on CompletionFinished { completion { ${completionFields} } }
    ... on CompletionFailed { completion { ${completionFields} } error { __typename code message } }
    ... on CompletionCancelled { completion { ${completionFields} } } }
}`;

export type Created = ErrorView & { readonly completion?: CompletionView };

/** The union as it was answered. */
export async function create(client: Client, input: object): Promise<Created> {
  return (await client.execute<{ createCompletion: Created }>(createDocument, { input })).createCompletion;
}

/** Creates a completion that must be admitted; finished with the mode WAIT. */
export async function complete(client: Client, input: object): Promise<CompletionView> {
  const created = await create(client, input);
  expect(created.completion, `${created.code}: ${created.message}`).toBeDefined();
  return created.completion!;
}

/** The error of a request that must be refused. */
export async function refusal(client: Client, input: object): Promise<ErrorView> {
  const created = await create(client, input);
  expect(created.completion).toBeUndefined();
  return created;
}

export async function cancel(client: Client, id: string): Promise<Created> {
  return (await client.execute<{ cancelCompletion: Created }>(cancelDocument, { id })).cancelCompletion;
}

export async function find(client: Client, id: string): Promise<CompletionView | null> {
  const document = `query ($id: ID!) { completion(id: $id) { ${completionFields} } }`;
  return (await client.execute<{ completion: CompletionView | null }>(document, { id })).completion;
}

export interface EventsOf {
  readonly id?: string;
  readonly idempotencyKey?: string;
  readonly after?: number;
}

type EventResult = ExecutionResult<{ completionEvents: EventView }>;

/** Events over a WebSocket of its own, as they come; leaving the loop leaves the server. */
export async function* events(client: Client, of: EventsOf): AsyncGenerator<EventView, void, undefined> {
  for await (const result of client.subscribe<{ completionEvents: EventView }>(eventsDocument, of)) {
    yield expectNoErrors(result).completionEvents;
  }
}

export async function allEvents(client: Client, of: EventsOf): Promise<EventView[]> {
  const all: EventView[] = [];
  for await (const event of events(client, of)) all.push(event);
  return all;
}

/** The error that a subscription fails with before its first event. */
export async function eventsRefusal(client: Client, of: EventsOf): Promise<{ code: unknown; message: string }> {
  for await (const { errors, data } of client.subscribe(eventsDocument, of)) {
    expect(data ?? null).toBeNull();
    return { code: errors?.[0]?.extensions?.code, message: errors?.[0]?.message ?? '' };
  }
  throw new Error('the subscription ended without a result');
}

/** Events over Server-Sent Events, each subscription on a connection of its own. */
export async function* serverSentEvents(client: Client, of: EventsOf): AsyncGenerator<EventResult, void, undefined> {
  const stream = createEventStream({
    url: client.endpoint,
    headers: { authorization: `Bearer ${client.secret}` },
    retryAttempts: 0,
  });
  try {
    const request = { query: eventsDocument, variables: { ...of } };
    for await (const result of stream.iterate<{ completionEvents: EventView }>(request)) yield result as EventResult;
  } finally {
    stream.dispose();
  }
}

/** What the deltas of one choice add up to. */
export function textOf(all: readonly EventView[], index = 0): string {
  return all
    .flatMap(({ choices }) => choices ?? [])
    .filter((choice) => choice.index === index)
    .map(({ text }) => text)
    .join('');
}
