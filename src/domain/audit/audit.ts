import { uuidv7 } from 'uuidv7';
import type { AuditEventId } from '../../contracts/ids.ts';
import type { AuditAction, AuditEntry, AuditEvent, AuditFilter, AuditStore } from '../../contracts/stores/audit.ts';
import type { Page, PageRequest } from '../../contracts/stores/store.ts';
import { type Principal, requireScope } from '../access/principal.ts';

/** Who changed what, for administrators. */
export interface Audit {
  list(principal: Principal, filter: AuditFilter, page: PageRequest<AuditEventId>): Promise<Page<AuditEvent>>;
  /** In the order of the ids; undefined for what is unknown. */
  find(principal: Principal, ids: readonly AuditEventId[]): Promise<readonly (AuditEvent | undefined)[]>;
}

export function createAudit(store: AuditStore): Audit {
  return {
    async list(principal, filter, page) {
      requireScope(principal, 'ADMIN');
      return store.list(filter, page);
    },
    async find(principal, ids) {
      requireScope(principal, 'ADMIN');
      const byId = new Map((await store.find(ids)).map((event) => [event.id, event]));
      return ids.map((id) => byId.get(id));
    },
  };
}

/** What the store keeps with a change. Without a principal it is the installation itself. */
export function auditEntry(principal: Principal | null, action: AuditAction, at: Date): AuditEntry {
  return { id: uuidv7() as AuditEventId, at, actorApiKeyId: principal?.apiKeyId ?? null, action };
}
