import { DomainError } from '../contracts/errors.ts';
import type { ChoiceDelta } from '../contracts/inference.ts';
import type { LogEvent } from '../contracts/token-log.ts';
import type { CompletionTarget } from '../domain/completions/events.ts';
import { invalidInput } from '../domain/parse-input.ts';
import { builder } from './builder.ts';
import { CompletionNode } from './completion.ts';
import type { GraphqlContext } from './context.ts';
import { FinishReasonEnum } from './enums.ts';
import { type CompletionEvent, type EventOf, readCompletionEvents } from './event-reader.ts';
import { decodeIdOf } from './ids.ts';
import { plain } from './plain-fields.ts';
import { UserError } from './user-errors.ts';

const eventTypeNames = {
  queued: 'CompletionQueued',
  started: 'CompletionStarted',
  delta: 'CompletionDelta',
  finished: 'CompletionFinished',
  failed: 'CompletionFailed',
  cancelled: 'CompletionCancelled',
} as const satisfies Record<LogEvent['type'], string>;

const Event = builder.interfaceRef<CompletionEvent>('CompletionEvent').implement({
  description:
    'Something that happened to a completion. The last event is CompletionFinished, CompletionFailed or CompletionCancelled.',
  fields: (t) => ({
    completionId: t.id({
      description: 'Global id of the completion.',
      ...plain(({ globalId }: CompletionEvent) => globalId),
    }),
    seq: t.int({
      description:
        'Position in the log, rising but not always by one (events may be merged); resume with `after` set to it.',
      ...plain(({ seq }: CompletionEvent) => seq),
    }),
    at: t.field({ type: 'DateTime', description: 'When it happened.', ...plain(({ at }: CompletionEvent) => at) }),
  }),
  resolveType: ({ type }) => eventTypeNames[type],
});

builder.objectRef<EventOf<'queued'>>(eventTypeNames.queued).implement({
  description: 'It waits in the line. Told on change, at most once a second.',
  interfaces: [Event],
  fields: (t) => ({
    position: t.int({
      description: 'Completions expected to start before it; 0 is next.',
      ...plain(({ position }: EventOf<'queued'>) => position),
    }),
    estimatedWaitSeconds: t.float({
      nullable: true,
      description:
        'Expected wait in seconds; null while the model is being loaded, and until enough has been measured.',
      ...plain(({ estimatedWaitSeconds }: EventOf<'queued'>) => estimatedWaitSeconds),
    }),
  }),
});

builder.objectRef<EventOf<'started'>>(eventTypeNames.started).implement({
  description: 'It left the line, and its model is in memory; text follows.',
  interfaces: [Event],
  fields: (t) => ({
    model: t.string({
      description: "The model's own name.",
      resolve: async ({ completionId }, _args, context) => {
        const completion = await CompletionNode.getDataloader(context).load(completionId);
        return completion.model;
      },
    }),
    promptTokens: t.exposeInt('promptTokens', { description: 'Tokens of the prompt.' }),
    cachedPromptTokens: t.exposeInt('cachedPromptTokens', {
      description: 'Of these, those that did not need to be evaluated again.',
    }),
  }),
});

const ChoiceDeltaType = builder.objectRef<ChoiceDelta>('ChoiceDelta').implement({
  description: 'What one choice gained.',
  fields: (t) => ({
    index: t.int({ description: 'Which of the n choices, from 0.', ...plain(({ index }: ChoiceDelta) => index) }),
    text: t.string({
      description: 'Text to add: whole characters, at times of several tokens, at times none.',
      ...plain(({ text }: ChoiceDelta) => text),
    }),
    finishReason: t.field({
      type: FinishReasonEnum,
      nullable: true,
      description: 'Why the choice ended; null while it goes on.',
      ...plain(({ finishReason }: ChoiceDelta) => finishReason),
    }),
    stopSequence: t.string({
      nullable: true,
      description: 'The stop sequence that ended it, with STOP_SEQUENCE.',
      ...plain(({ stopSequence }: ChoiceDelta) => stopSequence),
    }),
  }),
});

builder.objectRef<EventOf<'delta'>>(eventTypeNames.delta).implement({
  description: 'New text: one or more tokens, of one or more choices.',
  interfaces: [Event],
  fields: (t) => ({
    text: t.string({
      description: 'What choice 0 gained; empty where it gained nothing.',
      ...plain(({ choices }: EventOf<'delta'>) => choices.find(({ index }) => index === 0)?.text ?? ''),
    }),
    choices: t.field({
      type: [ChoiceDeltaType],
      description: 'What each choice gained; only those that gained something.',
      ...plain(({ choices }: EventOf<'delta'>) => choices as ChoiceDelta[]),
    }),
  }),
});

/** The completion as it ended: it was stored before its terminal event, and an earlier event may have loaded an older state. */
function endedCompletion({ completionId }: CompletionEvent, _args: object, context: GraphqlContext) {
  CompletionNode.getDataloader(context).clear(completionId);
  return completionId;
}

builder.objectRef<EventOf<'finished'>>(eventTypeNames.finished).implement({
  description: 'The end: it succeeded.',
  interfaces: [Event],
  fields: (t) => ({
    completion: t.field({
      type: CompletionNode,
      description: 'The completion, with its whole text and usage.',
      resolve: endedCompletion,
    }),
  }),
});

builder.objectRef<EventOf<'failed'>>(eventTypeNames.failed).implement({
  description: 'The end: it failed.',
  interfaces: [Event],
  fields: (t) => ({
    completion: t.field({
      type: CompletionNode,
      description: 'The completion, with its text so far and its usage.',
      resolve: endedCompletion,
    }),
    error: t.expose('error', { type: UserError, description: 'Why it failed.' }),
  }),
});

builder.objectRef<EventOf<'cancelled'>>(eventTypeNames.cancelled).implement({
  description: 'The end: it was cancelled.',
  interfaces: [Event],
  fields: (t) => ({
    completion: t.field({
      type: CompletionNode,
      description: 'The completion, with its text so far and its usage.',
      resolve: endedCompletion,
    }),
  }),
});

builder.subscriptionField('completionEvents', (t) =>
  t.field({
    type: Event,
    description:
      'The events of one completion, from any offset: what has happened, then live, then the end. Needs the scope COMPLETIONS. Before the first event: INVALID_INPUT, NOT_FOUND, OFFSET_EXPIRED, OVERLOADED as a top-level error; afterwards failures are events.',
    authScopes: { scope: 'COMPLETIONS' },
    args: {
      id: t.arg.id({ description: 'Global id of the completion. Give exactly one of id and idempotencyKey.' }),
      idempotencyKey: t.arg.string({
        description:
          'The idempotencyKey that this API key creates, or created, it with; waits 5 s (default) for the creation.',
      }),
      after: t.arg.int({ description: 'Only events behind this seq: the last one already received. Default 0, all.' }),
    },
    subscribe: (_root, { id, idempotencyKey, after }, context) => {
      if (after != null && after < 0) throw invalidArgument('after', 'must be 0 or more');
      return readCompletionEvents(context, target(id, idempotencyKey), Math.max(after ?? 0, context.resumeAfter ?? 0));
    },
    ...plain((event: CompletionEvent) => event),
  }),
);

function target(id: string | null | undefined, idempotencyKey: string | null | undefined): CompletionTarget {
  if ((id == null) === (idempotencyKey == null)) {
    throw invalidArgument('id', `give exactly one of id and idempotencyKey: ${id == null ? 'neither' : 'both'} given`);
  }
  if (idempotencyKey != null) return { type: 'idempotency-key', idempotencyKey };
  const completionId = decodeIdOf('Completion', id!);
  if (!completionId) throw new DomainError('NOT_FOUND', 'There is no such completion.');
  return { type: 'id', id: completionId };
}

function invalidArgument(name: string, message: string) {
  return invalidInput([{ path: [name], code: 'invalid_argument', message }]);
}
