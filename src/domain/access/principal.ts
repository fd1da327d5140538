import { DomainError } from '../../contracts/errors.ts';
import type { ApiKeyId, ProjectId } from '../../contracts/ids.ts';
import type { ApiKey, Scope } from '../../contracts/stores/api-keys.ts';
import type { SecretHashes } from '../keys/hash-secret.ts';

/** Who is asking: what an API key stands for, for as long as the request lasts. */
export interface Principal {
  readonly apiKeyId: ApiKeyId;
  readonly projectId: ProjectId;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Model names it may use; null is all. */
  readonly models: readonly string[] | null;
  readonly expiresAt: Date | null;
  /** Of the secret that was shown; none for the operator, who has no secret in the store. */
  readonly secretHashes?: SecretHashes;
}

export function principalOf(key: ApiKey, secretHashes?: SecretHashes): Principal {
  return {
    apiKeyId: key.id,
    projectId: key.projectId,
    name: key.name,
    scopes: key.scopes,
    models: key.models,
    expiresAt: key.expiresAt,
    ...(secretHashes && { secretHashes }),
  };
}

/** ADMIN holds every scope, and COMPLETIONS implies MODELS_READ. */
export function hasScope(principal: Principal, scope: Scope): boolean {
  if (principal.scopes.includes('ADMIN') || principal.scopes.includes(scope)) return true;
  return scope === 'MODELS_READ' && principal.scopes.includes('COMPLETIONS');
}

export function requireScope(principal: Principal, scope: Scope): void {
  if (!hasScope(principal, scope)) {
    throw new DomainError('FORBIDDEN', `This needs an API key with the scope ${scope}.`);
  }
}

/** Whether the principal may see what belongs to the project. */
export function seesProject(principal: Principal, projectId: ProjectId): boolean {
  return principal.projectId === projectId || hasScope(principal, 'ADMIN');
}

/** The project that a list is limited to: null (all) only for administrators that name none. */
export function visibleProject(principal: Principal, requested: ProjectId | null): ProjectId | null {
  if (hasScope(principal, 'ADMIN')) return requested;
  if (requested !== null && requested !== principal.projectId) {
    throw new DomainError('FORBIDDEN', 'Another project is visible to keys with the scope ADMIN only.');
  }
  return principal.projectId;
}
