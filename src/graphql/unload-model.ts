import type { ModelDescription } from '../contracts/inference.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { Model } from './model.ts';
import { ModelNotFoundError } from './user-errors.ts';

const UnloadModelInput = builder.inputType('UnloadModelInput', {
  description: 'The model to unload.',
  fields: (t) => ({ model: t.string({ required: true, description: 'Its name, or an alias.' }) }),
});

const UnloadModelPayload = builder.objectRef<{ readonly model: ModelDescription }>('UnloadModelPayload').implement({
  description: 'The unloaded model.',
  fields: (t) => ({ model: t.expose('model', { type: Model, description: 'The model, as it is now.' }) }),
});

builder.mutationField('unloadModel', (t) =>
  t.field({
    type: UnloadModelPayload,
    description:
      'Takes a model out of memory, and answers when it is out; unloading again answers the same. What runs on it ends in peace; requests that come meanwhile wait, and load it again afterwards, as any later request does. A caller that does not wait does not stop it. Needs the scope ADMIN.',
    authScopes: { scope: 'ADMIN' },
    args: { input: t.arg({ type: UnloadModelInput, required: true, description: 'The model to unload.' }) },
    errors: {
      types: [ModelNotFoundError],
      union: { name: 'UnloadModelResult', description: 'The unloaded model, or why it is not.' },
    },
    resolve: async (_root, { input }, context) => ({
      model: await context.services.pool.unload(caller(context), input.model),
    }),
  }),
);
