import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import { DomainError } from '../../contracts/errors.ts';
import type { ApiKeyId, AuditEventId, ProjectId } from '../../contracts/ids.ts';
import type { Signals } from '../../contracts/signals.ts';
import {
  type ApiKey,
  type ApiKeyFilter,
  type AuditEntry,
  type Limits,
  type Page,
  type PageRequest,
  type Store,
  scopes,
} from '../../contracts/stores.ts';
import { generateSecret, hintOf, isWellFormedSecret } from '../../lib/api-key-secret.ts';
import { hasScope, type Principal, requireScope } from '../access/principal.ts';
import { invalidInput, parseInput } from '../parse-input.ts';
import { storableText } from '../text.ts';
import { hashSecret } from './hash-secret.ts';

/** API keys: made, listed and revoked by administrators. */
export interface Keys {
  /** The secret is returned here and never again. */
  create(principal: Principal, input: unknown): Promise<{ readonly apiKey: ApiKey; readonly secret: string }>;
  /** At once and for good; revoking again answers the same. Throws NOT_FOUND. */
  revoke(principal: Principal, id: ApiKeyId): Promise<ApiKey>;
  /** In the order of the ids; undefined for what is unknown or not the principal's to see: its own key, or any for ADMIN. */
  find(principal: Principal, ids: readonly ApiKeyId[]): Promise<readonly (ApiKey | undefined)[]>;
  /** Administrators see every key, others their own. */
  list(principal: Principal, filter: ApiKeyFilter, page: PageRequest<ApiKeyId>): Promise<Page<ApiKey>>;
  /** On an installation without keys: makes the admin key, from the given secret where there is one. */
  ensureAdmin(secret: string | undefined): Promise<{ readonly apiKey: ApiKey; readonly secret: string } | undefined>;
  /** The key that the operator of this machine acts under (server.json's token). No secret opens it. */
  ensureOperator(): Promise<ApiKey>;
}

const operatorName = 'operator';
const count = z.int().min(1).max(2_147_483_647).nullish();
const bigCount = z.coerce.bigint().min(1n).nullish();

export const noLimits: Limits = {
  requestsPerMinute: null,
  tokensPerMinute: null,
  concurrentCompletions: null,
  tokensPerDay: null,
  tokensPerMonth: null,
  costPerMonth: null,
};

export const limitsSchema = z.strictObject({
  requestsPerMinute: count,
  tokensPerMinute: count,
  concurrentCompletions: count,
  tokensPerDay: bigCount,
  tokensPerMonth: bigCount,
  /** Nanos of the currency: the faces turn decimals into them. */
  costPerMonth: bigCount,
});

const createSchema = z.strictObject({
  name: storableText.trim().min(1, 'must not be empty').max(100),
  projectId: z.uuid().nullish(),
  scopes: z.array(z.enum(scopes)).min(1, 'name at least one scope'),
  models: z.array(z.string().min(1)).max(100).nullish(),
  expiresAt: z.date().nullish(),
  limits: limitsSchema.nullish(),
});

export interface KeysOptions {
  readonly store: Store;
  readonly signals: Signals;
  readonly serverSecret: string;
  /** The name of a model behind a name or an alias; undefined where there is none. */
  readonly resolveModel: (name: string) => string | undefined;
  readonly now?: () => Date;
}

export function createKeys({ store, signals, serverSecret, resolveModel, now = () => new Date() }: KeysOptions): Keys {
  function auditEntry(principal: Principal | null, action: AuditEntry['action'], at: Date): AuditEntry {
    return { id: uuidv7() as AuditEventId, at, actorApiKeyId: principal?.apiKeyId ?? null, action };
  }

  async function createBuiltIn(name: string, hint: string, hash: Uint8Array): Promise<ApiKey> {
    const at = now();
    const project = await store.projects.ensureDefault();
    return store.apiKeys.create(
      {
        id: uuidv7() as ApiKeyId,
        projectId: project.id,
        name,
        hint,
        scopes: ['ADMIN'],
        models: null,
        limits: noLimits,
        createdAt: at,
        expiresAt: null,
        hash,
      },
      auditEntry(null, 'api-key.create', at),
    );
  }

  function checkModels(names: readonly string[]): readonly string[] {
    return names.map((name, index) => {
      const model = resolveModel(name);
      if (model !== undefined) return model;
      throw invalidInput([
        { path: ['models', String(index)], code: 'unknown_model', message: `there is no model "${name}"` },
      ]);
    });
  }

  return {
    async create(principal, input) {
      requireScope(principal, 'ADMIN');
      const { expiresAt, limits, models, ...checked } = parseInput(createSchema, input);
      const at = now();
      if (expiresAt && expiresAt <= at) {
        throw invalidInput([{ path: ['expiresAt'], code: 'in_past', message: 'must lie in the future' }]);
      }
      const projectId = (checked.projectId ?? principal.projectId) as ProjectId;
      const [project] = await store.projects.find([projectId]);
      if (!project) throw new DomainError('NOT_FOUND', 'There is no such project.');
      const secret = generateSecret();
      const apiKey = await store.apiKeys.create(
        {
          id: uuidv7() as ApiKeyId,
          projectId,
          name: checked.name,
          hint: hintOf(secret),
          scopes: [...new Set(checked.scopes)],
          models: models ? checkModels(models) : null,
          limits: { ...noLimits, ...withoutUndefined(limits ?? {}) },
          createdAt: at,
          expiresAt: expiresAt ?? null,
          hash: hashSecret(serverSecret, secret),
        },
        auditEntry(principal, 'api-key.create', at),
      );
      return { apiKey, secret };
    },

    async revoke(principal, id) {
      requireScope(principal, 'ADMIN');
      const at = now();
      const apiKey = await store.apiKeys.revoke(id, at, auditEntry(principal, 'api-key.revoke', at));
      if (!apiKey) throw new DomainError('NOT_FOUND', 'There is no such API key.');
      signals.publish({ type: 'api-key-changed', apiKeyId: id });
      return apiKey;
    },

    async find(principal, ids) {
      const byId = new Map((await store.apiKeys.find(ids)).map((apiKey) => [apiKey.id, apiKey]));
      return ids.map((id) => (id === principal.apiKeyId || hasScope(principal, 'ADMIN') ? byId.get(id) : undefined));
    },

    async list(principal, filter, page) {
      if (hasScope(principal, 'ADMIN')) return store.apiKeys.list(filter, page);
      return { rows: await store.apiKeys.find([principal.apiKeyId]), hasMore: false };
    },

    async ensureAdmin(given) {
      if (given !== undefined && !isWellFormedSecret(given)) {
        throw new DomainError(
          'INVALID_INPUT',
          'SLUICE_ADMIN_KEY is malformed; `sluice keys generate` prints a good one.',
        );
      }
      if (given === undefined) {
        const { rows } = await store.apiKeys.list({}, { limit: 2, direction: 'forward' });
        if (rows.some(({ name, scopes }) => !(name === operatorName && scopes.includes('ADMIN')))) return undefined;
      } else if (await store.apiKeys.findByHash(hashSecret(serverSecret, given))) {
        return undefined;
      }
      const secret = given ?? generateSecret();
      const apiKey = await createBuiltIn('admin', hintOf(secret), hashSecret(serverSecret, secret));
      return { apiKey, secret };
    },

    async ensureOperator() {
      const hash = hashSecret(serverSecret, 'the operator of this machine');
      return (await store.apiKeys.findByHash(hash)) ?? (await createBuiltIn(operatorName, 'server.json', hash));
    },
  };
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as never;
}
