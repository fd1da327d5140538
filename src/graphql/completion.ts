import type { CompletionId } from '../contracts/ids.ts';
import type { InferenceUsage } from '../contracts/inference.ts';
import type { Completion, CompletionChoice } from '../contracts/stores/completions.ts';
import { ApiKeyNode } from './api-key.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { CompletionTimings, timingsOf } from './completion-timings.ts';
import type { GraphqlContext } from './context.ts';
import { CompletionModeEnum, CompletionStatusEnum, FinishReasonEnum } from './enums.ts';
import { decodeIdOf } from './ids.ts';
import { usageRecordLoader } from './loaders.ts';
import { ProjectNode } from './project.ts';
import { UserError } from './user-errors.ts';

export const CompletionNode = builder.loadableNodeRef('Completion', {
  id: { resolve: ({ id }: Completion) => id },
  load: (ids: CompletionId[], context: GraphqlContext) =>
    context.services.completions.find(caller(context), ids) as Promise<readonly Completion[]>,
});

const Choice = builder.objectRef<CompletionChoice>('CompletionChoice').implement({
  description: 'One of the n answers.',
  fields: (t) => ({
    index: t.exposeInt('index', { description: 'Which of the n, from 0.' }),
    text: t.exposeString('text', { description: 'Its text; while the completion runs, the text so far.' }),
    finishReason: t.expose('finishReason', {
      type: FinishReasonEnum,
      nullable: true,
      description: 'Why it ended; null while it goes on.',
    }),
    stopSequence: t.exposeString('stopSequence', {
      nullable: true,
      description: 'The stop sequence that ended it, with STOP_SEQUENCE.',
    }),
  }),
});

interface CostedUsage extends InferenceUsage {
  readonly cost: bigint | null;
}

export const CompletionUsage = builder.objectRef<CostedUsage>('CompletionUsage').implement({
  description:
    'Tokens and money, of all choices together. Final once the completion has ended; before, what was saved last.',
  fields: (t) => ({
    promptTokens: t.exposeInt('promptTokens', { description: 'Tokens of the prompt, counted once whatever n.' }),
    cachedPromptTokens: t.exposeInt('cachedPromptTokens', {
      description: 'Of the prompt tokens, those that did not need to be evaluated again.',
    }),
    completionTokens: t.exposeInt('completionTokens', {
      description: 'Every sampled token, end tokens and cut stop sequences included.',
    }),
    totalTokens: t.int({
      description: 'promptTokens + completionTokens.',
      resolve: ({ promptTokens, completionTokens }) => promptTokens + completionTokens,
    }),
    cost: t.expose('cost', {
      type: 'Decimal',
      nullable: true,
      description: 'Money, in the configured currency; null until the completion has ended.',
    }),
  }),
});

CompletionNode.implement({
  description: 'One run of a model on a prompt: created by createCompletion, kept with its text and usage.',
  fields: (t) => ({
    status: t.expose('status', { type: CompletionStatusEnum, description: 'Where it stands.' }),
    mode: t.expose('mode', { type: CompletionModeEnum, description: 'How it was asked for.' }),
    model: t.exposeString('model', { description: "The model's own name, also where the request used an alias." }),
    project: t.field({ type: ProjectNode, description: 'What it belongs to.', resolve: ({ projectId }) => projectId }),
    apiKey: t.field({
      type: ApiKeyNode,
      nullable: true,
      description: 'The key that created it; null where that is another key and yours lacks the scope ADMIN.',
      resolve: ({ apiKeyId }) => apiKeyId,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was admitted.' }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it had left the line and its model was in memory; null before.',
    }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended; null before.',
    }),
    maxTokens: t.exposeInt('maxTokens', { description: 'Tokens that each choice was granted.' }),
    n: t.exposeInt('n', { description: 'Number of choices.' }),
    seed: t.expose('seed', { type: 'UInt32', description: 'Seed of choice 0; choice i uses seed + i.' }),
    user: t.exposeString('user', {
      nullable: true,
      description: "The caller's own tag, as given. It stays when the content goes: usage is summed up by it.",
    }),
    metadata: t.expose('metadata', {
      type: 'JSON',
      nullable: true,
      description: "The caller's own data, as given; null where there is none, or its retention is over.",
    }),
    error: t.expose('error', {
      type: UserError,
      nullable: true,
      description: 'Why it FAILED; null for every other status, CANCELLED included.',
    }),
    choices: t.field({
      type: [Choice],
      description:
        'The answers, by index; empty where the content is no longer kept (`store: false`, or its retention is over).',
      resolve: ({ choices }) => (choices ? [...choices] : []),
    }),
    usage: t.field({
      type: CompletionUsage,
      description: 'What it used.',
      resolve: ({ usage, cost }) => ({ ...usage, cost }),
    }),
    timings: t.field({
      type: CompletionTimings,
      description: 'How long it took.',
      resolve: async (completion, _args, context) =>
        timingsOf(completion, completion.finishedAt ? await usageRecordLoader(context).load(completion.id) : undefined),
    }),
  }),
});

builder.queryField('completion', (t) =>
  t.field({
    type: CompletionNode,
    nullable: true,
    description: "One completion; null where there is none, or it is another project's. Needs the scope COMPLETIONS.",
    authScopes: { scope: 'COMPLETIONS' },
    args: { id: t.arg.id({ required: true, description: 'Global id of the completion.' }) },
    resolve: (_root, { id }) => decodeIdOf('Completion', id),
  }),
);
