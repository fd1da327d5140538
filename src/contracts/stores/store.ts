import type { ApiKeyStore } from './api-keys.ts';
import type { AuditEntry, AuditStore } from './audit.ts';
import type { CompletionStore } from './completions.ts';
import type { ProjectStore } from './projects.ts';
import type { UsageStore } from './usage.ts';

/**
 * The stores: everything that must outlive the process. One adapter serves PGlite and PostgreSQL. Every method is one
 * transaction; none waits for anything but the database. Where the database does not answer, methods throw
 * StoreUnavailableError, and the caller decides (admission fails closed, settlement retries).
 */
export interface Store extends AsyncDisposable {
  readonly projects: ProjectStore;
  readonly apiKeys: ApiKeyStore;
  readonly completions: CompletionStore;
  readonly usage: UsageStore;
  readonly audit: AuditStore;
  readonly instance: InstanceStore;
  /** Whether other processes may share this database (PostgreSQL) or it is ours alone (embedded, locked). */
  readonly shared: boolean;
  /** Resolves when a trivial statement was answered; throws StoreUnavailableError. */
  ping(): Promise<void>;
}

/** The database does not answer; nothing is known of the statement's fate, so every write is safe to repeat. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
  /** The statement was on its way when its connection broke: it may be stored, and repeating it at once makes sense. */
  readonly answerLost: boolean;

  constructor(message: string, options: ErrorOptions & { readonly answerLost?: boolean } = {}) {
    super(message, options);
    this.answerLost = options.answerLost ?? false;
  }
}

/** A keyset page, newest first. `cursor` is the id of the last row of the page before (exclusive), in the direction of reading. */
export interface PageRequest<RowId extends string> {
  readonly limit: number;
  readonly direction: 'forward' | 'backward';
  readonly cursor?: RowId;
}

/** Rows are newest first in either direction; `hasMore` speaks of the direction of reading. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly hasMore: boolean;
}

/** Facts about the installation. */
export interface InstanceStore {
  /** Runs the work while no other node of this database runs its own: for what must be looked for and made only once. */
  oneAtATime<T>(work: () => Promise<T>): Promise<T>;
  /** Keeps the fingerprint on first call; later calls answer whether it is the same. */
  matchSecretFingerprint(fingerprint: string): Promise<boolean>;
  /** Keeps `to` where `from` is kept, and writes the audit event with it; else changes and writes nothing. */
  replaceSecretFingerprint(from: string, to: string, audit: AuditEntry): Promise<void>;
}
