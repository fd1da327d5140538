import { uuidv7 } from 'uuidv7';
import { DomainError } from '../../contracts/errors.ts';
import type { ApiKeyId, ProjectId } from '../../contracts/ids.ts';
import type { ServerSecrets } from '../../contracts/server-secrets.ts';
import type { Signals } from '../../contracts/signals.ts';
import type { ApiKey, ApiKeyFilter, ApiKeyOutcome } from '../../contracts/stores/api-keys.ts';
import type { Page, PageRequest, Store } from '../../contracts/stores/store.ts';
import { generateSecret, hintOf, isWellFormedSecret } from '../../lib/api-key-secret.ts';
import { hasScope, type Principal, requireScope } from '../access/principal.ts';
import { auditEntry } from '../audit/audit.ts';
import { invalidInput, parseInput } from '../parse-input.ts';
import { changedLimits, givenLimits, noLimits } from '../quotas/limits-input.ts';
import { findBySecret } from './find-by-secret.ts';
import { hashesOf, hashSecret } from './hash-secret.ts';
import { createKeySchema, requireFuture, rotateKeySchema, updateKeySchema } from './input.ts';

/** API keys: made, changed, listed and revoked by administrators. What changes of a key holds at once, everywhere. */
export interface Keys {
  /** The secret is returned here and never again. */
  create(principal: Principal, input: unknown): Promise<{ readonly apiKey: ApiKey; readonly secret: string }>;
  /** Changes what is given. Throws NOT_FOUND, and INVALID_INPUT for a revoked key. */
  update(principal: Principal, id: ApiKeyId, input: unknown): Promise<ApiKey>;
  /**
   * Gives the key another secret; the one before opens on for a grace period. Sent again within that, it replaces the new secret (whose
   * answer may have been lost) and never prolongs the old one. Throws NOT_FOUND, and INVALID_INPUT for a revoked key.
   */
  rotate(
    principal: Principal,
    id: ApiKeyId,
    input: unknown,
  ): Promise<{ readonly apiKey: ApiKey; readonly secret: string }>;
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

export interface KeysOptions {
  readonly store: Store;
  readonly signals: Signals;
  readonly serverSecrets: ServerSecrets;
  /** The name of a model behind a name or an alias; undefined where there is none. */
  readonly resolveModel: (name: string) => string | undefined;
  readonly now?: () => Date;
}

export function createKeys({ store, signals, serverSecrets, resolveModel, now = () => new Date() }: KeysOptions): Keys {
  const hashOf = (secret: string) => hashSecret(serverSecrets.current, secret);

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

  /** The key as it is now; whoever holds it is told to look again. */
  function changed(outcome: ApiKeyOutcome): ApiKey {
    switch (outcome.type) {
      case 'stored':
        signals.publish({ type: 'api-key-changed', apiKeyId: outcome.apiKey.id });
        return outcome.apiKey;
      case 'revoked':
        throw invalidInput([{ path: ['id'], code: 'revoked', message: 'the API key is revoked: make a new one' }]);
      case 'unknown':
        throw new DomainError('NOT_FOUND', 'There is no such API key.');
      default:
        return outcome satisfies never;
    }
  }

  return {
    async create(principal, input) {
      requireScope(principal, 'ADMIN');
      const { expiresAt, limits, models, ...checked } = parseInput(createKeySchema, input);
      const at = now();
      requireFuture(expiresAt, at);
      const projectId = (checked.projectId ?? principal.projectId) as ProjectId;
      const [project] = await store.projects.find([projectId]);
      if (!project) throw new DomainError('NOT_FOUND', 'There is no such project.');
      if (project.archivedAt) {
        throw invalidInput([{ path: ['projectId'], code: 'archived', message: 'the project is archived' }]);
      }
      const secret = generateSecret();
      const apiKey = await store.apiKeys.create(
        {
          id: uuidv7() as ApiKeyId,
          projectId,
          name: checked.name,
          hint: hintOf(secret),
          scopes: checked.scopes,
          models: models ? checkModels(models) : null,
          limits: { ...noLimits, ...givenLimits(limits ?? {}) },
          createdAt: at,
          expiresAt: expiresAt ?? null,
          hash: hashOf(secret),
        },
        auditEntry(principal, 'api-key.create', at),
      );
      return { apiKey, secret };
    },

    async update(principal, id, input) {
      requireScope(principal, 'ADMIN');
      const { name, scopes, models, expiresAt, limits } = parseInput(updateKeySchema, input);
      const at = now();
      requireFuture(expiresAt, at);
      const changes = {
        ...(name !== undefined && { name }),
        ...(scopes !== undefined && { scopes }),
        ...(models !== undefined && { models: models && checkModels(models) }),
        ...(expiresAt !== undefined && { expiresAt }),
        ...(limits !== undefined && { limits: changedLimits(limits) }),
      };
      return changed(await store.apiKeys.update(id, changes, auditEntry(principal, 'api-key.update', at)));
    },

    async rotate(principal, id, input) {
      requireScope(principal, 'ADMIN');
      const { graceSeconds } = parseInput(rotateKeySchema, input);
      const at = now();
      const secret = generateSecret();
      const rotation = {
        hash: hashOf(secret),
        hint: hintOf(secret),
        at,
        graceUntil: new Date(at.getTime() + graceSeconds * 1_000),
      };
      const audit = auditEntry(principal, 'api-key.rotate', at);
      return { apiKey: changed(await store.apiKeys.rotate(id, rotation, audit)), secret };
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
      const seen = hasScope(principal, 'ADMIN') ? filter : { ...filter, id: principal.apiKeyId };
      return store.apiKeys.list(seen, page);
    },

    async ensureAdmin(given) {
      if (given !== undefined && !isWellFormedSecret(given)) {
        throw new DomainError(
          'INVALID_INPUT',
          'SLUICE_ADMIN_KEY is malformed; `sluice keys generate` prints a good one.',
        );
      }
      return store.instance.oneAtATime(async () => {
        if (given === undefined) {
          const { rows } = await store.apiKeys.list({}, { limit: 2, direction: 'forward' });
          if (rows.some(({ name, scopes }) => !(name === operatorName && scopes.includes('ADMIN')))) return undefined;
        } else if (await findBySecret(hashesOf(given, serverSecrets), store.apiKeys)) {
          return undefined;
        }
        const secret = given ?? generateSecret();
        const apiKey = await createBuiltIn('admin', hintOf(secret), hashOf(secret));
        return { apiKey, secret };
      });
    },

    ensureOperator() {
      const hashes = hashesOf('the operator of this machine', serverSecrets);
      return store.instance.oneAtATime(async () => {
        const key = await findBySecret(hashes, store.apiKeys);
        return key ?? (await createBuiltIn(operatorName, 'server.json', hashes[0]));
      });
    },
  };
}
