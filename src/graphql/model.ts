import type { ModelDescription, ModelFacts, ModelPrice } from '../contracts/inference.ts';
import { hasScope } from '../domain/access/principal.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { ModelStatusEnum } from './enums.ts';

const tokensPerMillion = 1_000_000n;

export const ModelPriceType = builder.objectRef<ModelPrice>('ModelPrice').implement({
  description: 'What tokens cost now; each usage record keeps the price it was made at.',
  fields: (t) => ({
    promptPerMillion: t.field({
      type: 'Decimal',
      description: 'Money per million prompt tokens.',
      resolve: ({ promptNanosPerToken }) => promptNanosPerToken * tokensPerMillion,
    }),
    completionPerMillion: t.field({
      type: 'Decimal',
      description: 'Money per million completion tokens.',
      resolve: ({ completionNanosPerToken }) => completionNanosPerToken * tokensPerMillion,
    }),
    currency: t.string({
      description: 'The one currency of this installation, as ISO 4217.',
      resolve: (_price, _args, { services }) => services.currency,
    }),
  }),
});

const ModelFactsType = builder.objectRef<ModelFacts>('ModelFacts').implement({
  description: "What a model's file says of it.",
  fields: (t) => ({
    architecture: t.exposeString('architecture', { description: 'Family of the network, such as `llama`.' }),
    parameters: t.field({ type: 'BigInt', description: 'Number of weights.', resolve: ({ parameters }) => parameters }),
    sizeBytes: t.field({ type: 'BigInt', description: 'Bytes of the weights.', resolve: ({ sizeBytes }) => sizeBytes }),
    trainContextSize: t.exposeInt('trainContextSize', { description: 'Tokens of context it was trained with.' }),
    vocabularySize: t.exposeInt('vocabularySize', { description: 'Number of distinct tokens.' }),
    hasChatTemplate: t.exposeBoolean('hasChatTemplate', { description: 'Whether it takes `messages`.' }),
  }),
});

export const Model = builder.objectRef<ModelDescription>('Model').implement({
  description: 'A model that this server runs.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name, unique here.' }),
    aliases: t.stringList({ description: 'Other names it answers to.', resolve: ({ aliases }) => [...aliases] }),
    status: t.expose('status', { type: ModelStatusEnum, description: 'Whether it is in memory.' }),
    error: t.string({
      nullable: true,
      description: 'What is wrong with it, while its status is FAILED; for the scope ADMIN only.',
      resolve: ({ error }, _args, context) => (hasScope(caller(context), 'ADMIN') ? error : null),
    }),
    contextSize: t.exposeInt('contextSize', { description: 'Tokens of prompt and answer together, per choice.' }),
    defaultMaxTokens: t.exposeInt('defaultMaxTokens', { description: 'maxTokens of a request that names none.' }),
    slots: t.exposeInt('slots', { description: 'Choices it works on at once; further ones wait.' }),
    price: t.expose('price', { type: ModelPriceType, description: 'What its tokens cost.' }),
    facts: t.field({
      type: ModelFactsType,
      nullable: true,
      description: 'What its file says; null until it has been opened once.',
      resolve: ({ facts }) => facts,
    }),
  }),
});

builder.queryField('models', (t) =>
  t.field({
    type: [Model],
    description: 'The models that the API key may use, in the order of the configuration. Needs the scope MODELS_READ.',
    authScopes: { scope: 'MODELS_READ' },
    resolve: (_root, _args, context) => [...context.services.models.list(caller(context))],
  }),
);

builder.queryField('model', (t) =>
  t.field({
    type: Model,
    nullable: true,
    description: 'One model; null where there is none of this name that the key may use. Needs the scope MODELS_READ.',
    authScopes: { scope: 'MODELS_READ' },
    args: { name: t.arg.string({ required: true, description: 'Name or alias.' }) },
    resolve: (_root, { name }, context) => context.services.models.find(caller(context), name),
  }),
);
