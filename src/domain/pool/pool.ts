import type { ModelDescription, ModelStatus } from '../../contracts/inference.ts';
import type { AuditAction, AuditStore } from '../../contracts/stores/audit.ts';
import { type Principal, requireScope } from '../access/principal.ts';
import { auditEntry } from '../audit/audit.ts';
import type { Models } from '../models/models.ts';
import { type PoolSources, type PoolStatus, poolStatus } from './status.ts';
import { type PoolEvent, watchPool } from './watch.ts';

/** The engines, for administrators. */
export interface Pool {
  status(principal: Principal): Promise<PoolStatus>;
  /** The present state, then every change, until the signal aborts or the reader leaves. */
  events(principal: Principal, signal: AbortSignal): AsyncIterableIterator<PoolEvent>;
  /**
   * Resolves when the model, by name or alias, is in memory; one that is there stays. Throws MODEL_NOT_FOUND, and MODEL_UNAVAILABLE
   * where it cannot be loaded. A caller that leaves does not stop it.
   */
  load(principal: Principal, name: string, signal: AbortSignal): Promise<ModelDescription>;
  /** Resolves when the model is out of memory, once what runs has ended. Throws MODEL_NOT_FOUND. */
  unload(principal: Principal, name: string): Promise<ModelDescription>;
}

export interface PoolOptions extends Omit<PoolSources, 'now'> {
  readonly models: Models;
  readonly audit: AuditStore;
  readonly now?: () => Date;
}

export function createPool({ models, audit, now = () => new Date(), ...adapters }: PoolOptions): Pool {
  const sources = { ...adapters, now };
  const { inference } = adapters;

  async function record(
    principal: Principal,
    action: AuditAction,
    { name, status }: ModelDescription,
    to: ModelStatus,
  ) {
    await audit.record({
      ...auditEntry(principal, action, now()),
      targetId: name,
      projectId: null,
      before: { status },
      after: { status: to },
    });
  }

  return {
    async status(principal) {
      requireScope(principal, 'ADMIN');
      return poolStatus(sources);
    },

    events(principal, signal) {
      requireScope(principal, 'ADMIN');
      return watchPool(sources, signal);
    },

    async load(principal, name, signal) {
      requireScope(principal, 'ADMIN');
      const model = models.resolve(principal, name);
      if (model.status !== 'LOADED') await record(principal, 'model.load', model, 'LOADING');
      await inference.load(model.name, signal);
      return models.resolve(principal, model.name);
    },

    async unload(principal, name) {
      requireScope(principal, 'ADMIN');
      const model = models.resolve(principal, name);
      if (model.status !== 'UNLOADED') await record(principal, 'model.unload', model, 'UNLOADING');
      await inference.unload(model.name);
      return models.resolve(principal, model.name);
    },
  };
}
