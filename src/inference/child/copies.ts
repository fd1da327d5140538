import type { CopyPace } from './copy-pace.ts';
import type { Decoder, Snapshot } from './decoder.ts';

/** Gives sequences what others have evaluated; what several take from the same one is put aside once, until disposed. */
export interface Copies extends AsyncDisposable {
  /** Says whether `to` holds the first `length` tokens of `from` now; else it is empty. */
  copy(
    from: { readonly sequence: number; readonly tokens: readonly number[] },
    to: number,
    length: number,
  ): Promise<boolean>;
  /** A sequence begins another prompt: what was put aside of it is no longer what it holds. */
  forget(sequence: number): Promise<void>;
}

export function createCopies(decoder: Decoder, pace: CopyPace): Copies {
  const snapshots = new Map<number, Snapshot | undefined>();

  async function snapshotOf(sequence: number): Promise<Snapshot | undefined> {
    if (!snapshots.has(sequence)) snapshots.set(sequence, await decoder.snapshot(sequence));
    return snapshots.get(sequence);
  }

  return {
    async copy({ sequence, tokens }, to, length) {
      const began = performance.now();
      const snapshot = await snapshotOf(sequence);
      const copied = snapshot !== undefined && (await snapshot.restore(to, length));
      if (copied) pace.copied(tokens.length, performance.now() - began);
      else {
        pace.failed();
        decoder.keep(to, 0);
      }
      return copied;
    },
    async forget(sequence) {
      const snapshot = snapshots.get(sequence);
      snapshots.delete(sequence);
      await snapshot?.[Symbol.asyncDispose]();
    },
    async [Symbol.asyncDispose]() {
      for (const snapshot of snapshots.values()) await snapshot?.[Symbol.asyncDispose]();
    },
  };
}
