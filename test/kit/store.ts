import { randomBytes } from 'node:crypto';
import { uuidv7 } from 'uuidv7';
import type { ApiKeyId, AuditEventId, CompletionId, ProjectId } from '../../src/contracts/ids.ts';
import type { Admission } from '../../src/contracts/stores/admission.ts';
import type { ApiKey, NewApiKey } from '../../src/contracts/stores/api-keys.ts';
import type { AuditEntry } from '../../src/contracts/stores/audit.ts';
import type { Checkpoint, Completion, CompletionRequest, Settlement } from '../../src/contracts/stores/completions.ts';
import type { Limits } from '../../src/contracts/stores/limits.ts';
import type { Store } from '../../src/contracts/stores/store.ts';
import { type Database, openDatabase, type StoreOptions, storeOver } from '../../src/store/open.ts';
import { silentLog } from './database.ts';

/** A store and the database below it, for what the contract has no word for yet: projects of one's own. */
export interface TestStore extends AsyncDisposable {
  readonly store: Store;
  readonly database: Database;
  newProject(limits?: Partial<Limits>): Promise<ProjectId>;
  newKey(details?: Partial<Omit<NewApiKey, 'limits'>> & { readonly limits?: Partial<Limits> }): Promise<ApiKey>;
}

type OpenOptions = Omit<StoreOptions, 'log'>;

export async function openTestStore(options: OpenOptions): Promise<TestStore> {
  const database = await openDatabase({ ...options, log: silentLog });
  const store = storeOver(database);
  async function newProject(limits: Partial<Limits> = {}): Promise<ProjectId> {
    const id = uuidv7() as ProjectId;
    await database.prisma.project.create({ data: { id, name: id, createdAt: new Date(), ...limits } });
    await database.prisma.quota.create({ data: { subjectId: id } });
    return id;
  }
  return {
    store,
    database,
    newProject,
    async newKey({ limits, ...details } = {}) {
      const projectId = details.projectId ?? (await newProject());
      return store.apiKeys.create(
        { ...keyOf(projectId), ...details, limits: { ...noLimits, ...limits } },
        auditOf('api-key.create'),
      );
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

export const noLimits: Limits = {
  requestsPerMinute: null,
  tokensPerMinute: null,
  concurrentCompletions: null,
  tokensPerDay: null,
  tokensPerMonth: null,
  costPerMonth: null,
};

export function keyOf(projectId: ProjectId): NewApiKey {
  return {
    id: uuidv7() as ApiKeyId,
    projectId,
    name: 'key',
    hint: 'slc_abcd',
    scopes: ['COMPLETIONS'],
    models: null,
    limits: noLimits,
    createdAt: new Date(),
    expiresAt: null,
    hash: randomBytes(32),
  };
}

export function auditOf(action: AuditEntry['action']): AuditEntry {
  return { id: uuidv7() as AuditEventId, at: new Date(), actorApiKeyId: null, action };
}

export const request: CompletionRequest = {
  prompt: 'Once upon a time',
  messages: null,
  tokens: null,
  n: 1,
  stop: ['\n\n'],
  sampling: {
    temperature: 0.7,
    topP: 0.95,
    topK: 40,
    minP: 0,
    seed: 4_294_967_295,
    presencePenalty: 0,
    frequencyPenalty: 0.5,
    repeatPenalty: 1.1,
    logitBias: new Map([[7, -1.5]]),
  },
  priority: 0,
  timeoutSeconds: 600,
};

/** Noon on a day in the middle of a month, so that a test's minutes stay within the windows. */
export const noon = new Date('2031-05-15T12:00:00.000Z');

export function after(moment: Date, seconds: number): Date {
  return new Date(moment.getTime() + seconds * 1_000);
}

/** Ten prompt tokens and at most twenty more, at 3 and 5 nanos. */
export function admissionOf(
  key: Pick<ApiKey, 'id' | 'projectId'>,
  details: Partial<Admission> & { readonly n?: number } = {},
): Admission {
  const { n = 1, ...rest } = details;
  const at = rest.at ?? noon;
  return {
    id: uuidv7() as CompletionId,
    projectId: key.projectId,
    apiKeyId: key.id,
    model: 'starter',
    mode: 'WAIT',
    user: null,
    metadata: null,
    idempotencyKey: null,
    inputHash: Uint8Array.of(1, 2, 3),
    request: { ...request, n },
    promptTokens: 10,
    maxTokens: 20,
    maxTokensLowerable: false,
    price: { promptNanosPerToken: 3n, completionNanosPerToken: 5n },
    keepContent: true,
    at,
    leaseUntil: after(at, 60),
    ...rest,
  };
}

/** Of a completion that runs, its first: five tokens so far. */
export function checkpointOf(id: CompletionId, details: Partial<Checkpoint> = {}): Checkpoint {
  return {
    id,
    epoch: 1,
    afterSeq: 0,
    choices: [{ index: 0, text: 'so far "\\" \u0000 {,} 🦊', finishReason: null, stopSequence: null }],
    usage: { promptTokens: 10, cachedPromptTokens: 2, completionTokens: 5 },
    firstTokenAt: after(noon, 1),
    reservedSeq: 1_000,
    textIndex: Uint8Array.of(0, 200, 255),
    ...details,
  };
}

/** A completion that ran: ten prompt tokens, as many more as asked for. */
export function settlementOf(
  { id, createdAt, epoch }: Pick<Completion, 'id' | 'createdAt' | 'epoch'>,
  details: Partial<Settlement> & { readonly completionTokens?: number } = {},
): Settlement {
  const { completionTokens = 8, ...rest } = details;
  return {
    id,
    epoch,
    status: 'SUCCEEDED',
    choices: [{ index: 0, text: 'there was', finishReason: 'STOP', stopSequence: null }],
    usage: { promptTokens: 10, cachedPromptTokens: 4, completionTokens },
    error: null,
    startedAt: createdAt,
    firstTokenAt: createdAt,
    finishedAt: createdAt,
    terminalSeq: 9,
    textIndex: Uint8Array.of(0, 128, 255),
    ...rest,
  };
}

/** What never started: nothing to pay for. */
export const unbilled = {
  status: 'CANCELLED',
  startedAt: null,
  firstTokenAt: null,
  usage: { promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0 },
} as const satisfies Partial<Settlement>;

export async function admitted(store: Store, admission: Admission): Promise<Completion> {
  const outcome = await store.completions.admit(admission);
  if (outcome.type !== 'admitted') throw new Error(`not admitted: ${outcome.type}`);
  return outcome.completion;
}

export async function refused(store: Store, admission: Admission) {
  const outcome = await store.completions.admit(admission);
  if (outcome.type !== 'limited') throw new Error(`not refused: ${outcome.type}`);
  return outcome.refusal;
}
