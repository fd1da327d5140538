import type { FakeServiceOptions } from './fake-service.ts';

const at = '2026-01-01T00:00:00.000Z';

export function finishedCompletion(text: string, changes: object = {}) {
  return {
    id: 'completion-1',
    status: 'SUCCEEDED',
    model: 'starter',
    createdAt: at,
    finishedAt: at,
    error: null,
    choices: [{ index: 0, text, finishReason: 'STOP', stopSequence: null }],
    usage: { promptTokens: 5, cachedPromptTokens: 0, completionTokens: 3, totalTokens: 8, cost: '0' },
    timings: { queueSeconds: 0, timeToFirstTokenSeconds: 0.1, tokensPerSecond: 30, durationSeconds: 0.2 },
    ...changes,
  };
}

export function delta(seq: number, text: string) {
  return { completionEvents: { __typename: 'CompletionDelta', completionId: 'completion-1', seq, at, text } };
}

export function ended(seq: number, completion: object, __typename = 'CompletionFinished') {
  return { completionEvents: { __typename, completionId: 'completion-1', seq, at, completion } };
}

/** Accepts every completion as completion-1, over the one model `starter`. */
export function acceptingRoot(received: object[] = []): FakeServiceOptions['root'] {
  return {
    models: () => [{ name: 'starter', aliases: [], status: 'LOADED', contextSize: 64, defaultMaxTokens: 8, slots: 1 }],
    createCompletion: ({ input }: { input: object }) => {
      received.push(input);
      return { __typename: 'CreateCompletionPayload', completion: { id: 'completion-1', model: 'starter' } };
    },
  };
}
