import type { Principal } from '../domain/access/principal.ts';
import type { Audit } from '../domain/audit/audit.ts';
import type { Completions } from '../domain/completions/completions.ts';
import type { Keys } from '../domain/keys/keys.ts';
import type { Models } from '../domain/models/models.ts';
import type { Pool } from '../domain/pool/pool.ts';
import type { Projects } from '../domain/projects/projects.ts';
import type { Usage } from '../domain/usage/usage.ts';

/** What the schema calls: the domain's services, the same for every transport. */
export interface Services {
  readonly completions: Completions;
  readonly models: Models;
  readonly pool: Pool;
  readonly keys: Keys;
  readonly projects: Projects;
  readonly usage: Usage;
  readonly audit: Audit;
  readonly limits: { readonly maxN: number; readonly maxStop: number };
  readonly currency: string;
}

/** One per operation (HTTP, SSE) or per operation on a socket (WebSocket). */
export interface GraphqlContext {
  /** Null without a key: `__typename` answers, everything else is UNAUTHENTICATED. */
  readonly principal: Principal | null;
  readonly services: Services;
  /** Shown with a masked error, and logged with its cause. */
  readonly requestId: string;
  /** Aborts when the caller leaves (socket closed, request aborted, `complete` message), or may not go on: its reason is then the DomainError to answer. */
  readonly signal: AbortSignal;
  /** The seq of the last event that a client which comes back has, where its transport says so: as if its `after` were at least that. */
  readonly resumeAfter?: number;
}
