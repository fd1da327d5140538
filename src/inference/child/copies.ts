import { messageOf } from '../../lib/message-of.ts';
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

/** A copy that fails costs the copy, and nothing else. */
export function createCopies(decoder: Decoder, pace: CopyPace, failed: (message: string) => void): Copies {
  const snapshots = new Map<number, Snapshot>();

  async function snapshotOf(sequence: number): Promise<Snapshot> {
    const snapshot = snapshots.get(sequence) ?? (await decoder.snapshot(sequence));
    snapshots.set(sequence, snapshot);
    return snapshot;
  }

  return {
    async copy({ sequence, tokens }, to, length) {
      const began = performance.now();
      try {
        const snapshot = await snapshotOf(sequence);
        await snapshot.restore(to, length);
      } catch (error) {
        failed(messageOf(error));
        pace.failed();
        decoder.keep(to, 0);
        return false;
      }
      pace.copied(tokens.length, performance.now() - began);
      return true;
    },
    async forget(sequence) {
      const snapshot = snapshots.get(sequence);
      snapshots.delete(sequence);
      await snapshot?.[Symbol.asyncDispose]();
    },
    async [Symbol.asyncDispose]() {
      for (const snapshot of snapshots.values()) await snapshot[Symbol.asyncDispose]();
    },
  };
}
