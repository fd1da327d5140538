import type { LimitState } from '../contracts/stores/admission.ts';
import type { Limits } from '../contracts/stores/limits.ts';
import { builder } from './builder.ts';
import { LimitNameEnum, LimitScopeEnum } from './enums.ts';
import { limitAmount } from './user-errors.ts';

export const LimitsType = builder.objectRef<Limits>('Limits').implement({
  description: 'Configured limits. Null is no limit. Windows are UTC.',
  fields: (t) => ({
    requestsPerMinute: t.exposeInt('requestsPerMinute', {
      nullable: true,
      description: 'Completions created per minute.',
    }),
    tokensPerMinute: t.exposeInt('tokensPerMinute', {
      nullable: true,
      description: 'Prompt and completion tokens per minute.',
    }),
    concurrentCompletions: t.exposeInt('concurrentCompletions', {
      nullable: true,
      description: 'Completions waiting or running at once.',
    }),
    tokensPerDay: t.expose('tokensPerDay', { type: 'BigInt', nullable: true, description: 'Tokens per day.' }),
    tokensPerMonth: t.expose('tokensPerMonth', { type: 'BigInt', nullable: true, description: 'Tokens per month.' }),
    costPerMonth: t.expose('costPerMonth', {
      type: 'Decimal',
      nullable: true,
      description: 'Money per month, in the configured currency.',
    }),
  }),
});

export const LimitsInput = builder.inputType('LimitsInput', {
  description: 'Limits to set; each at least 1 (money: above 0), and none where it is omitted. Windows are UTC.',
  fields: (t) => ({
    requestsPerMinute: t.int({ description: 'Completions created per minute.' }),
    tokensPerMinute: t.int({ description: 'Prompt and completion tokens per minute.' }),
    concurrentCompletions: t.int({ description: 'Completions waiting or running at once.' }),
    tokensPerDay: t.field({ type: 'BigInt', description: 'Prompt and completion tokens per day.' }),
    tokensPerMonth: t.field({ type: 'BigInt', description: 'Prompt and completion tokens per month.' }),
    costPerMonth: t.field({ type: 'Decimal', description: 'Money per month, in the configured currency.' }),
  }),
});

export const LimitStateType = builder.objectRef<LimitState>('Limit').implement({
  description: 'A limit that holds for this API key, and what is left of it now.',
  fields: (t) => ({
    name: t.expose('name', { type: LimitNameEnum, description: 'Which limit.' }),
    scope: t.expose('scope', { type: LimitScopeEnum, description: "Whose limit: the key's own or its project's." }),
    limit: t.field({
      type: 'Decimal',
      description: 'Its size: a count, or money in the configured currency for COST_PER_MONTH.',
      resolve: ({ name, limit }) => limitAmount(name, limit),
    }),
    used: t.field({
      type: 'Decimal',
      description: 'Used, and reserved by what runs now, in the same unit.',
      resolve: ({ name, used }) => limitAmount(name, used),
    }),
    remaining: t.field({
      type: 'Decimal',
      description: 'What is left, in the same unit; never negative.',
      resolve: ({ name, limit, used }) => limitAmount(name, limit > used ? limit - used : 0n),
    }),
    resetsAt: t.expose('resetsAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the window ends; null for limits without one (concurrency).',
    }),
  }),
});
