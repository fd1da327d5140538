import type { ApiKeyId, AuditEventId, ProjectId } from '../ids.ts';
import type { JsonValue } from '../json.ts';
import type { Page, PageRequest } from './store.ts';

/** What an administrative change writes, in its own transaction where it changes the store. Never holds a secret, a prompt or an output. */
export interface AuditEntry {
  readonly id: AuditEventId;
  readonly at: Date;
  /** Null: the operator at the server's own command line. */
  readonly actorApiKeyId: ApiKeyId | null;
  readonly action: AuditAction;
}

export const auditActions = [
  'api-key.create',
  'api-key.update',
  'api-key.rotate',
  'api-key.revoke',
  'project.create',
  'project.update',
  'project.archive',
  'model.load',
  'model.unload',
  'secret.rotate',
] as const;
export type AuditAction = (typeof auditActions)[number];

export interface AuditEvent extends AuditEntry {
  /** Its id; of a model its name; `secret` for the server's secret. */
  readonly targetId: string;
  readonly projectId: ProjectId | null;
  readonly before: JsonValue;
  readonly after: JsonValue;
}

export interface AuditStore {
  /** For a change of what the store does not hold: written before it is made. */
  record(event: AuditEvent): Promise<void>;
  list(filter: AuditFilter, page: PageRequest<AuditEventId>): Promise<Page<AuditEvent>>;
  find(ids: readonly AuditEventId[]): Promise<readonly AuditEvent[]>;
}

export interface AuditFilter {
  readonly projectId?: ProjectId;
  readonly action?: AuditAction;
}
