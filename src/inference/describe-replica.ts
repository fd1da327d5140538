import type { PooledReplica, PooledReplicaState } from '../contracts/pool.ts';
import type { Replica, ReplicaState } from './replica.ts';

/** A replica as the pool shows it. */
export function describeReplica(replica: Replica, index: number, slots: number): PooledReplica {
  const { state, facts, runningChoices, restarts, throughput } = replica;
  return {
    index,
    state: shownState(state),
    ...(state.type === 'broken' && { error: state.message, retryAt: new Date(state.retryAt) }),
    slots,
    slotsBusy: Math.min(runningChoices, slots),
    tokensPerSecond: throughput.perSecond(),
    tokensPerStep: throughput.perStep(),
    restarts,
    ...(facts && { engine: facts }),
  };
}

function shownState(state: ReplicaState): PooledReplicaState {
  switch (state.type) {
    case 'unloaded':
      return 'UNLOADED';
    case 'loading':
      return 'LOADING';
    case 'ready':
      return 'READY';
    case 'crashed':
      return 'RESTARTING';
    case 'broken':
      return state.because === 'crashes' ? 'CIRCUIT_OPEN' : 'FAILED';
    default:
      return state satisfies never;
  }
}
