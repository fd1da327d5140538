import type { ExecutionResult } from 'graphql';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../src/contracts/errors.ts';
import type { LogEvent } from '../../../src/contracts/token-log.ts';
import type { CompletionTarget } from '../../../src/domain/completions/events.ts';
import { completionId, completionWith, eventsOf, fakeServices, globalId, open } from './fixtures.ts';

const id = globalId('Completion', completionId());
const at = new Date('2026-01-31T12:00:00Z');
const usage = { promptTokens: 3, cachedPromptTokens: 1, completionTokens: 2 };
const eventsSource = `subscription ($id: ID, $idempotencyKey: String, $after: Int) {
  completionEvents(id: $id, idempotencyKey: $idempotencyKey, after: $after) {
    __typename completionId seq at
    ... on CompletionQueued { position estimatedWaitSeconds }
    ... on CompletionStarted { model promptTokens cachedPromptTokens }
    ... on CompletionDelta { text choices { index text finishReason stopSequence } }
    ... on CompletionFinished { completion { status } }
    ... on CompletionFailed { completion { status } error { __typename code message } }
    ... on CompletionCancelled { completion { status } }
  }
}`;

function servicesWith(events: readonly LogEvent[]) {
  const seen: { target?: CompletionTarget; after?: number; signal?: AbortSignal } = {};
  const services = fakeServices({
    completions: {
      readEvents: async (_principal, target, after, signal) => {
        Object.assign(seen, { target, after, signal });
        return { completionId: completionId(), events: eventsOf(events, signal).iterator };
      },
    },
  });
  return { services, seen };
}

async function opened(...args: Parameters<typeof open>): Promise<AsyncGenerator<ExecutionResult, void, void>> {
  const result = await open(...args);
  if ('errors' in result) throw result.errors[0];
  return result;
}

const terminal: LogEvent = { type: 'finished', seq: 9, at, usage };

describe('completionEvents', () => {
  it('shows each kind of event as its type, and ends after the last', async () => {
    const { services } = servicesWith([
      { type: 'queued', seq: 1, at, position: 2, estimatedWaitSeconds: null },
      { type: 'started', seq: 2, at, promptTokens: 3, cachedPromptTokens: 1 },
      {
        type: 'delta',
        seq: 5,
        at,
        choices: [
          { index: 1, text: 'b', tokens: 1 },
          { index: 0, text: 'a', tokens: 2, finishReason: 'STOP_SEQUENCE', stopSequence: '\n' },
        ],
      },
      { type: 'delta', seq: 6, at, choices: [{ index: 1, text: 'c', tokens: 1 }] },
      { type: 'failed', seq: 9, at, usage, error: { code: 'ENGINE_CRASHED', message: 'gone' } },
    ]);
    const results = [];
    for await (const result of await opened(eventsSource, { services }, { id })) {
      expect(result.errors).toBeUndefined();
      results.push(JSON.parse(JSON.stringify(result.data!.completionEvents)));
    }
    const base = { completionId: id, at: at.toISOString() };
    expect(results).toEqual([
      { ...base, __typename: 'CompletionQueued', seq: 1, position: 2, estimatedWaitSeconds: null },
      { ...base, __typename: 'CompletionStarted', seq: 2, model: 'starter', promptTokens: 3, cachedPromptTokens: 1 },
      {
        ...base,
        __typename: 'CompletionDelta',
        seq: 5,
        text: 'a',
        choices: [
          { index: 1, text: 'b', finishReason: null, stopSequence: null },
          { index: 0, text: 'a', finishReason: 'STOP_SEQUENCE', stopSequence: '\n' },
        ],
      },
      {
        ...base,
        __typename: 'CompletionDelta',
        seq: 6,
        text: '',
        choices: [{ index: 1, text: 'c', finishReason: null, stopSequence: null }],
      },
      {
        ...base,
        __typename: 'CompletionFailed',
        seq: 9,
        completion: { status: 'SUCCEEDED' },
        error: { __typename: 'EngineCrashedError', code: 'ENGINE_CRASHED', message: 'gone' },
      },
    ]);
  });

  it('loads the completion afresh for the terminal event, whatever an earlier event had loaded', async () => {
    const states = [completionWith({ status: 'RUNNING' }), completionWith({ status: 'SUCCEEDED' })];
    const started: LogEvent = { type: 'started', seq: 2, at, promptTokens: 3, cachedPromptTokens: 1 };
    const services = fakeServices({
      completions: {
        ...servicesWith([started, terminal]).services.completions,
        find: async () => [states.shift()],
      },
    });
    const results = [];
    for await (const { data } of await opened(eventsSource, { services }, { id })) results.push(data);
    expect(results.at(-1)).toMatchObject({ completionEvents: { completion: { status: 'SUCCEEDED' } } });
  });

  it('ends at once when the subscriber leaves while nothing happens, and lets go of the log', async () => {
    const { services, seen } = servicesWith([]);
    const events = await opened(eventsSource, { services }, { id });
    const pending = events.next();
    await events.return();
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(seen.signal!.aborted).toBe(true);
  });

  it('ends at once when the connection is lost while nothing happens', async () => {
    const { services, seen } = servicesWith([]);
    const connection = new AbortController();
    const events = await opened(eventsSource, { services, signal: connection.signal }, { id });
    const pending = events.next();
    connection.abort();
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(seen.signal!.aborted).toBe(true);
  });

  it('opens the log for a caller that left in the meantime only to close it', async () => {
    const { services, seen } = servicesWith([]);
    const events = await opened(eventsSource, { services, signal: AbortSignal.abort() }, { id });
    expect(await events.next()).toEqual({ done: true, value: undefined });
    expect(seen.signal!.aborted).toBe(true);
  });

  it('passes on which completion and from where', async () => {
    const byId = servicesWith([terminal]);
    await (await opened(eventsSource, byId, { id, after: 7 })).return();
    expect(byId.seen).toMatchObject({ target: { type: 'id', id: completionId() }, after: 7 });
    const byKey = servicesWith([terminal]);
    await (await opened(eventsSource, byKey, { idempotencyKey: 'k' })).return();
    expect(byKey.seen).toMatchObject({ target: { type: 'idempotency-key', idempotencyKey: 'k' }, after: 0 });
  });

  it.each([
    ['INVALID_INPUT', 'neither id nor idempotencyKey', {}],
    ['INVALID_INPUT', 'both', { id, idempotencyKey: 'k' }],
    ['INVALID_INPUT', 'a negative offset', { id, after: -1 }],
    ['NOT_FOUND', 'an id that cannot be one of ours', { id: 'nonsense' }],
    ['NOT_FOUND', "another type's id", { id: globalId('Project', completionId()) }],
  ])('refuses with %s before the first event: %s', async (code, _what, variables) => {
    const { services, seen } = servicesWith([terminal]);
    const result = await open(eventsSource, { services }, variables);
    expect(result).toMatchObject({ errors: [{ originalError: { code } }] });
    expect(seen.target).toBeUndefined();
  });

  it('refuses with the code of the domain before the first event', async () => {
    const services = fakeServices({
      completions: { readEvents: () => Promise.reject(new DomainError('OFFSET_EXPIRED', 'gone')) },
    });
    expect(await open(eventsSource, { services }, { id })).toMatchObject({
      errors: [{ message: 'gone', path: ['completionEvents'], originalError: { code: 'OFFSET_EXPIRED' } }],
    });
  });
});
