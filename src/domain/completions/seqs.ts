import type { Completion } from '../../contracts/stores/completions.ts';

/**
 * Several processes may have a completion one after the other, of which all but the last died. Each takes its seqs from a range of its
 * own, beyond those before it: whoever comes back with a seq of a dead process gets all that followed. Whoever takes a completion over
 * raises its epoch, which tells the range.
 */

/** No reader can be handed a seq this far beyond the log's beginning before the first checkpoint, nor beyond one before the next. */
export const reservedSeqs = 1_000_000;

/** So many ranges, and what the last one brings, fit in GraphQL's Int. */
export const mostEpochs = 1_000;

/** After which seq the log of a completion begins that comes into the line under this epoch. */
export function seqBefore({ epoch }: Pick<Completion, 'epoch'>): number {
  return epoch * reservedSeqs;
}

/** Beyond all that the process which left the completion so can have handed out. */
export function seqBeyond({ epoch, lastSeq }: Pick<Completion, 'epoch' | 'lastSeq'>): number {
  return Math.max(lastSeq, (epoch + 1) * reservedSeqs) + 1;
}
