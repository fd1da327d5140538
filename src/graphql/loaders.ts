import { createContextCache } from '@pothos/core';
import DataLoader from 'dataloader';
import type { CompletionId } from '../contracts/ids.ts';
import type { UsageRecord } from '../contracts/stores/usage.ts';
import type { GraphqlContext } from './context.ts';

/** The usage records of completions, batched per operation. (Nodes have loaders of their own, where they are defined.) */
export const usageRecordLoader = createContextCache(
  ({ services }: GraphqlContext) =>
    new DataLoader<CompletionId, UsageRecord | undefined>((ids) => services.usage.ofCompletions(ids)),
);
