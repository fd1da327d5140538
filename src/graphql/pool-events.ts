import type { PoolEvent } from '../domain/pool/watch.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { PoolModel } from './pool.ts';

const PoolEventTypeEnum = builder.enumType('PoolEventType', {
  description: 'What an event of the pool tells.',
  values: {
    CURRENT: { value: 'current', description: 'How the model was when the subscription began.' },
    STATE: { value: 'state', description: 'The model or one of its replicas changed its state.' },
    RESTART: { value: 'restart', description: 'A replica died, and is started again.' },
    FIGURES: { value: 'figures', description: 'Slots, line, speed or memory changed; at most once a second.' },
  } satisfies Record<string, { value: PoolEvent['type']; description: string }>,
});

const PoolEventType = builder.objectRef<PoolEvent>('PoolEvent').implement({
  description: 'Something about one model changed.',
  fields: (t) => ({
    type: t.expose('type', { type: PoolEventTypeEnum, description: 'What it tells.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
    model: t.expose('model', { type: PoolModel, description: 'The model, as it was then.' }),
  }),
});

builder.subscriptionField('poolEvents', (t) =>
  t.field({
    type: PoolEventType,
    description:
      'The present state of every model, then each change. A reader that falls a thousand events behind misses the oldest. Needs the scope ADMIN.',
    authScopes: { scope: 'ADMIN' },
    subscribe: (_root, _args, context) => context.services.pool.events(caller(context), context.signal),
    resolve: (event) => event,
  }),
);
