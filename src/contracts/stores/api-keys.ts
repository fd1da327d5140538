import type { ApiKeyId, ProjectId } from '../ids.ts';
import type { AuditEntry } from './audit.ts';
import type { Limits } from './limits.ts';
import type { Page, PageRequest } from './store.ts';

export const scopes = ['COMPLETIONS', 'EMBEDDINGS', 'MODELS_READ', 'USAGE_READ', 'ADMIN'] as const;
export type Scope = (typeof scopes)[number];

export interface ApiKey {
  readonly id: ApiKeyId;
  readonly projectId: ProjectId;
  readonly name: string;
  /** `slc_` and the first characters of the secret: enough to recognise a key, too little to use it. */
  readonly hint: string;
  readonly scopes: readonly Scope[];
  /** Model names the key may use; null is all. */
  readonly models: readonly string[] | null;
  readonly limits: Limits;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
  /** Until when the secret before the last rotation still opens; null where there is none. */
  readonly previousSecretExpiresAt: Date | null;
}

export interface ApiKeyStore {
  /** Stores the key and its audit event. `hash` is the HMAC of the secret, unique. */
  create(key: NewApiKey, audit: AuditEntry): Promise<ApiKey>;
  /**
   * The key of a secret by any of its HMACs, in one look, whatever its state: the caller checks expiry and revocation. Told of the
   * secret, not of the key: one that was rotated away expires with its grace, and one of an archived project counts as revoked.
   */
  findByHash(hashes: readonly Uint8Array[]): Promise<FoundByHash | undefined>;
  /** The same for many secrets in one look, in their order; undefined for those that no key has. */
  findEachByHash(secrets: readonly (readonly Uint8Array[])[]): Promise<readonly (FoundByHash | undefined)[]>;
  /** Stores a secret under another HMAC of it, be it its key's current one or the one before; changes nothing where `from` is unknown. */
  rehash(from: Uint8Array, to: Uint8Array): Promise<void>;
  find(ids: readonly ApiKeyId[]): Promise<readonly ApiKey[]>;
  list(filter: ApiKeyFilter, page: PageRequest<ApiKeyId>): Promise<Page<ApiKey>>;
  /** Revoking again keeps the first moment and writes no second audit event. Undefined for an unknown id. */
  revoke(id: ApiKeyId, at: Date, audit: AuditEntry): Promise<ApiKey | undefined>;
  /** Changes what is given. What changes nothing writes no audit event. */
  update(id: ApiKeyId, changes: ApiKeyChanges, audit: AuditEntry): Promise<ApiKeyOutcome>;
  /** Gives the key another secret. The one before opens until `graceUntil`; while an earlier one still does, that one keeps its own end. */
  rotate(id: ApiKeyId, rotation: Rotation, audit: AuditEntry): Promise<ApiKeyOutcome>;
  /**
   * Notes when keys were last used: one statement for many, never moves a moment back. A use says that the key's secret is stored under
   * the hash it names; where it no longer is, or not yet, it is not noted.
   */
  touch(uses: readonly KeyUse[]): Promise<void>;
}

export interface KeyUse {
  readonly id: ApiKeyId;
  readonly hash: Uint8Array;
  readonly at: Date;
}

export interface FoundByHash {
  readonly key: ApiKey;
  /** The one that the secret is stored under. */
  readonly hash: Uint8Array;
}

export type NewApiKey = Omit<ApiKey, 'revokedAt' | 'lastUsedAt' | 'previousSecretExpiresAt'> & {
  readonly hash: Uint8Array;
};

export interface ApiKeyChanges {
  readonly name?: string;
  readonly scopes?: readonly Scope[];
  readonly models?: readonly string[] | null;
  readonly expiresAt?: Date | null;
  readonly limits?: Partial<Limits>;
}

export interface Rotation {
  /** The HMAC of the new secret. */
  readonly hash: Uint8Array;
  readonly hint: string;
  readonly at: Date;
  readonly graceUntil: Date;
}

export type ApiKeyOutcome =
  | { readonly type: 'stored'; readonly apiKey: ApiKey }
  /** A revoked key changes no more. */
  | { readonly type: 'revoked' }
  | { readonly type: 'unknown' };

export interface ApiKeyFilter {
  readonly id?: ApiKeyId;
  readonly projectId?: ProjectId;
  readonly revoked?: boolean;
}
