import type { TokenizeResult } from '../domain/models/models.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { MessageInput } from './message-input.ts';

const TokenizeInput = builder.inputType('TokenizeInput', {
  description: 'What to tokenize; exactly one of prompt and messages.',
  fields: (t) => ({
    model: t.string({ required: true, description: 'Name or alias of the model whose tokens these are.' }),
    prompt: t.string({ description: 'Raw text, not empty.' }),
    messages: t.field({
      type: [MessageInput],
      description: "A conversation of 1 to 1000 messages, which the model's chat template turns into text.",
    }),
  }),
});

const TokenizeResultType = builder.objectRef<TokenizeResult>('TokenizeResult').implement({
  description: 'The tokens that a completion of the same prompt would start with and be billed for.',
  fields: (t) => ({
    model: t.exposeString('model', { description: "The model's own name." }),
    tokens: t.intList({ description: 'Token ids, in order.', complexity: 1, resolve: ({ tokens }) => [...tokens] }),
    count: t.int({ description: 'Number of tokens.', resolve: ({ tokens }) => tokens.length }),
    contextSize: t.exposeInt('contextSize', {
      description: 'Tokens that the model holds, prompt and answer together.',
    }),
  }),
});

builder.queryField('tokenize', (t) =>
  t.field({
    type: TokenizeResultType,
    description:
      'Counts and shows the tokens of a prompt, free of charge. Needs the scope COMPLETIONS. Errors: INVALID_INPUT, MODEL_NOT_FOUND, MODEL_UNAVAILABLE, CONTEXT_LENGTH_EXCEEDED (far too long to count).',
    authScopes: { scope: 'COMPLETIONS' },
    args: { input: t.arg({ type: TokenizeInput, required: true, description: 'What to tokenize.' }) },
    resolve: (_root, { input: { model, ...prompt } }, context) =>
      context.services.models.tokenize(caller(context), model, prompt, context.signal),
  }),
);
