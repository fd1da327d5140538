import type { ModelDescription } from '../contracts/inference.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { Model } from './model.ts';
import { ModelNotFoundError, ModelUnavailableError } from './user-errors.ts';

const LoadModelInput = builder.inputType('LoadModelInput', {
  description: 'The model to load.',
  fields: (t) => ({ model: t.string({ required: true, description: 'Its name, or an alias.' }) }),
});

const LoadModelPayload = builder.objectRef<{ readonly model: ModelDescription }>('LoadModelPayload').implement({
  description: 'The loaded model.',
  fields: (t) => ({ model: t.expose('model', { type: Model, description: 'The model, as it is now.' }) }),
});

builder.mutationField('loadModel', (t) =>
  t.field({
    type: LoadModelPayload,
    description:
      'Loads a model, with all its replicas, and answers when it is in memory; one that is loaded stays so. Models that nobody uses leave to make room, and those in use when it is their turn. A model that failed is tried again at once. A caller that does not wait does not stop it. Needs the scope ADMIN.',
    authScopes: { scope: 'ADMIN' },
    args: { input: t.arg({ type: LoadModelInput, required: true, description: 'The model to load.' }) },
    errors: {
      types: [ModelNotFoundError, ModelUnavailableError],
      union: { name: 'LoadModelResult', description: 'The loaded model, or why it is not.' },
    },
    resolve: async (_root, { input }, context) => ({
      model: await context.services.pool.load(caller(context), input.model, context.signal),
    }),
  }),
);
