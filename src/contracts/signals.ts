import type { ApiKeyId, CompletionId, ProjectId } from './ids.ts';

/**
 * Hints between processes. A signal may be lost, doubled or late: it makes something happen sooner, and nothing may
 * depend on it for being right. The truth is in the store.
 */
export type Signal =
  | { readonly type: 'api-key-changed'; readonly apiKeyId: ApiKeyId }
  | { readonly type: 'project-changed'; readonly projectId: ProjectId }
  | { readonly type: 'usage-recorded'; readonly projectId: ProjectId; readonly completionId: CompletionId };

export interface Signals extends AsyncDisposable {
  publish(signal: Signal): void;
  /** Calls the listener for every signal of the type from now on, in order of arrival; the result unsubscribes. */
  subscribe<T extends Signal['type']>(type: T, listener: (signal: Extract<Signal, { type: T }>) => void): () => void;
}
