import type { GraphQLSchema } from 'graphql';
import { builder } from './builder.ts';

import './scalars.ts';
import './enums.ts';
import './user-errors.ts';
import './node.ts';
import './viewer.ts';
import './project.ts';
import './projects.ts';
import './create-project.ts';
import './update-project.ts';
import './archive-project.ts';
import './limits.ts';
import './api-key.ts';
import './create-api-key.ts';
import './update-api-key.ts';
import './rotate-api-key.ts';
import './revoke-api-key.ts';
import './model.ts';
import './pool.ts';
import './pool-events.ts';
import './load-model.ts';
import './unload-model.ts';
import './tokenize.ts';
import './completion.ts';
import './completions.ts';
import './create-completion.ts';
import './cancel-completion.ts';
import './completion-events.ts';
import './usage.ts';
import './usage-record.ts';
import './usage-events.ts';
import './audit-event.ts';

export function createSchema(): GraphQLSchema {
  return builder.toSchema();
}
