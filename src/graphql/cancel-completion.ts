import { DomainError } from '../contracts/errors.ts';
import type { Completion } from '../contracts/stores/completions.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { CompletionNode } from './completion.ts';
import { decodeIdOf } from './ids.ts';
import { NotFoundError, OverloadedError } from './user-errors.ts';

const CancelCompletionInput = builder.inputType('CancelCompletionInput', {
  description: 'The completion to stop.',
  fields: (t) => ({ id: t.id({ required: true, description: 'Global id of the completion.' }) }),
});

const CancelCompletionPayload = builder
  .objectRef<{ readonly completion: Completion }>('CancelCompletionPayload')
  .implement({
    description: 'The completion, ended.',
    fields: (t) => ({
      completion: t.field({
        type: CompletionNode,
        description: 'CANCELLED, or however it had ended before; with its text so far and its usage.',
        resolve: ({ completion }) => completion,
      }),
    }),
  });

builder.mutationField('cancelCompletion', (t) =>
  t.field({
    type: CancelCompletionPayload,
    description:
      'Stops a completion within one token and answers once it has ended. Cancelling again, or what has ended, changes nothing. Needs the scope COMPLETIONS.',
    authScopes: { scope: 'COMPLETIONS' },
    args: { input: t.arg({ type: CancelCompletionInput, required: true, description: 'The completion to stop.' }) },
    errors: {
      types: [NotFoundError, OverloadedError],
      union: { name: 'CancelCompletionResult', description: 'The ended completion, or why there is none.' },
    },
    resolve: async (_root, { input }, context) => {
      const id = decodeIdOf('Completion', input.id);
      if (!id) throw new DomainError('NOT_FOUND', 'There is no such completion.');
      return { completion: await context.services.completions.cancel(caller(context), id, context.signal) };
    },
  }),
);
