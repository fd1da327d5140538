import type { Completion } from '../contracts/stores/completions.ts';
import type { UsageRecord } from '../contracts/stores/usage.ts';
import { builder } from './builder.ts';

interface Timings {
  readonly queueSeconds: number | null;
  readonly timeToFirstTokenSeconds: number | null;
  readonly tokensPerSecond: number | null;
  readonly durationSeconds: number | null;
}

export const CompletionTimings = builder.objectRef<Timings>('CompletionTimings').implement({
  description: 'How long a completion took, in seconds.',
  fields: (t) => ({
    queueSeconds: t.exposeFloat('queueSeconds', {
      nullable: true,
      description: 'From admission until a slot was free and the model in memory; null while it waits.',
    }),
    timeToFirstTokenSeconds: t.exposeFloat('timeToFirstTokenSeconds', {
      nullable: true,
      description: 'From admission to the first token; null where there is none.',
    }),
    tokensPerSecond: t.exposeFloat('tokensPerSecond', {
      nullable: true,
      description: 'Completion tokens per second of generation; null until it has ended, or where that took no time.',
    }),
    durationSeconds: t.exposeFloat('durationSeconds', {
      nullable: true,
      description: 'From admission to the end; null before.',
    }),
  }),
});

/** As the usage record has them, once there is one. */
export function timingsOf(completion: Completion, record: UsageRecord | undefined): Timings {
  if (record) return record;
  const since = (moment: Date | null) => moment && (moment.getTime() - completion.createdAt.getTime()) / 1_000;
  return {
    queueSeconds: since(completion.startedAt),
    timeToFirstTokenSeconds: since(completion.firstTokenAt),
    tokensPerSecond: null,
    durationSeconds: since(completion.finishedAt),
  };
}
