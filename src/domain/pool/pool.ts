import { type Principal, requireScope } from '../access/principal.ts';
import { type PoolSources, type PoolStatus, poolStatus } from './status.ts';
import { type PoolEvent, watchPool } from './watch.ts';

/** The engines, for administrators. */
export interface Pool {
  status(principal: Principal): Promise<PoolStatus>;
  /** The present state, then every change, until the signal aborts or the reader leaves. */
  events(principal: Principal, signal: AbortSignal): AsyncIterableIterator<PoolEvent>;
}

export interface PoolOptions extends Omit<PoolSources, 'now'> {
  readonly now?: () => Date;
}

export function createPool({ now = () => new Date(), ...adapters }: PoolOptions): Pool {
  const sources = { ...adapters, now };
  return {
    async status(principal) {
      requireScope(principal, 'ADMIN');
      return poolStatus(sources);
    },
    events(principal, signal) {
      requireScope(principal, 'ADMIN');
      return watchPool(sources, signal);
    },
  };
}
