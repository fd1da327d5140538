import type { UsageRecord } from '../contracts/stores/usage.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { UsageRecordNode } from './usage-record.ts';

const UsageEvent = builder.objectRef<UsageRecord>('UsageEvent').implement({
  description: 'A completion ended, and its usage was recorded.',
  fields: (t) => ({
    record: t.field({ type: UsageRecordNode, description: 'What it used.', resolve: (record) => record }),
  }),
});

builder.subscriptionField('usageEvents', (t) =>
  t.field({
    type: UsageEvent,
    description:
      "Usage as it is recorded from now on: the project's own, or of all projects for the scope ADMIN. Live only: what a broken connection missed is in usageRecords. Needs the scope USAGE_READ.",
    authScopes: { scope: 'USAGE_READ' },
    subscribe: (_root, _args, context) => context.services.usage.live(caller(context), context.signal),
    resolve: (record) => record,
  }),
);
