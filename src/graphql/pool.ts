import type { EngineFacts, PooledReplica, PoolPlace } from '../contracts/pool.ts';
import type { PoolModelStatus, PoolStatus } from '../domain/pool/status.ts';
import { builder } from './builder.ts';
import { caller } from './caller.ts';
import { ModelStatusEnum, ReplicaStateEnum } from './enums.ts';

const EngineFactsType = builder.objectRef<EngineFacts>('EngineFacts').implement({
  description: 'What an engine runs on, as it reported when it was loaded.',
  fields: (t) => ({
    device: t.exposeString('device', { description: '`CPU`, or the names of the GPUs that it uses.' }),
    gpuLayers: t.exposeInt('gpuLayers', { description: 'Layers of the network on the GPU; 0 on the CPU.' }),
    layers: t.exposeInt('layers', { description: 'Layers of the network in all.' }),
    memoryBytes: t.field({
      type: 'BigInt',
      description:
        'Main memory of its process, measured after loading; pages of the file that replicas share count in each.',
      resolve: ({ memoryBytes }) => memoryBytes,
    }),
    gpuMemoryBytes: t.field({
      type: 'BigInt',
      description: 'Memory that it takes on the GPU; 0 on the CPU.',
      resolve: ({ gpuMemoryBytes }) => gpuMemoryBytes,
    }),
    threads: t.exposeInt('threads', { description: 'CPU threads that evaluate.' }),
    flashAttention: t.exposeBoolean('flashAttention', { description: 'Whether flash attention is on.' }),
    cacheType: t.exposeString('cacheType', { description: 'Type of the numbers in the KV cache, such as `F16`.' }),
    copiesPrompts: t.exposeBoolean('copiesPrompts', {
      description:
        'Whether what was evaluated of a prompt can be copied: for the other choices of a completion with `n` above 1, and for prompts that begin alike. False for models whose state is not per token (recurrent, sliding window): they evaluate each prompt anew.',
    }),
  }),
});

const PoolReplica = builder.objectRef<PooledReplica>('PoolReplica').implement({
  description: 'One engine of a model: a process of its own.',
  fields: (t) => ({
    index: t.exposeInt('index', { description: 'Its number within the model, from 0.' }),
    state: t.expose('state', { type: ReplicaStateEnum, description: 'Where it stands.' }),
    error: t.exposeString('error', { nullable: true, description: 'With FAILED and CIRCUIT_OPEN: why.' }),
    retryAt: t.expose('retryAt', {
      type: 'DateTime',
      nullable: true,
      description: 'With FAILED and CIRCUIT_OPEN: until when requests are refused.',
    }),
    slots: t.exposeInt('slots', { description: 'Choices that it works on at once.' }),
    slotsBusy: t.exposeInt('slotsBusy', { description: 'Choices that it works on now.' }),
    tokensPerSecond: t.exposeFloat('tokensPerSecond', {
      description: 'Completion tokens of the last ten seconds, per second.',
    }),
    tokensPerStep: t.exposeFloat('tokensPerStep', {
      nullable: true,
      description:
        'Completion tokens of the last ten seconds per step of the engine: its mean batch, at most `slots`. Null where there were none.',
    }),
    restarts: t.exposeInt('restarts', {
      description: 'How often its process died and was started again, since the server started.',
    }),
    engine: t.field({
      type: EngineFactsType,
      nullable: true,
      description: 'What it runs on; null while it is not READY.',
      resolve: ({ engine }) => engine,
    }),
  }),
});

export const PoolModel = builder.objectRef<PoolModelStatus>('PoolModel').implement({
  description: 'A model as this server runs it.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name.' }),
    aliases: t.stringList({ description: 'Other names it answers to.', resolve: ({ aliases }) => [...aliases] }),
    status: t.expose('status', { type: ModelStatusEnum, description: 'Whether it is in memory.' }),
    error: t.exposeString('error', { nullable: true, description: 'With FAILED: why.' }),
    reservedBytes: t.field({
      type: 'BigInt',
      description: 'Memory set aside for it: an estimate over all replicas; 0 while it is not in memory.',
      resolve: ({ reservedBytes }) => reservedBytes,
    }),
    waiting: t.exposeInt('waiting', { description: 'Requests that wait for a free slot of it.' }),
    oldestWaitSeconds: t.exposeFloat('oldestWaitSeconds', {
      nullable: true,
      description: 'How long the longest-waiting request has waited; null where none waits.',
    }),
    replicas: t.field({
      type: [PoolReplica],
      description: 'Its engines, by index.',
      resolve: ({ replicas }) => [...replicas],
    }),
  }),
});

const PoolPlaceType = builder.objectRef<PoolPlace>('PoolPlace').implement({
  description: 'Somewhere that models lie in memory.',
  fields: (t) => ({
    name: t.exposeString('name', {
      description:
        '`GPU 0` and so on, where replicas are dealt to it; `other GPUs`; `main memory`; or `limit`, where all of them count.',
    }),
    bytes: t.field({
      type: 'BigInt',
      description: 'What models may take there together.',
      resolve: ({ bytes }) => bytes,
    }),
    reservedBytes: t.field({
      type: 'BigInt',
      description: 'Memory set aside there for models: an estimate.',
      resolve: ({ reservedBytes }) => reservedBytes,
    }),
  }),
});

const PoolType = builder.objectRef<PoolStatus>('Pool').implement({
  description: 'The engines of this server.',
  fields: (t) => ({
    models: t.field({
      type: [PoolModel],
      description: 'Every model of the catalogue, in the order of the configuration.',
      resolve: ({ models }) => [...models],
    }),
    memoryBytes: t.field({
      type: 'BigInt',
      nullable: true,
      description:
        'What models may take together (`limits.modelMemoryBytes`, else what GPUs and machine have); null until known.',
      resolve: ({ memoryBytes }) => memoryBytes,
    }),
    places: t.field({
      type: [PoolPlaceType],
      description: 'The same place by place: a replica has to find room where it is dealt to. Empty until known.',
      resolve: ({ places }) => [...places],
    }),
  }),
});

builder.queryField('pool', (t) =>
  t.field({
    type: PoolType,
    description: 'The engines of this server, as they are now. Needs the scope ADMIN.',
    authScopes: { scope: 'ADMIN' },
    resolve: (_root, _args, context) => context.services.pool.status(caller(context)),
  }),
);
