import { createDisposer } from '../../lib/disposer.ts';
import type { Snapshot } from '../child/decoder.ts';
import { scratchFile } from './scratch-file.ts';

/** How a decoder writes and reads the state of a sequence; both throw where they fail. */
export interface StateFile {
  save(path: string): Promise<unknown>;
  /** The sequence holds the first `length` tokens afterwards. */
  load(path: string, sequence: number, length: number): Promise<void>;
}

/** The library copies a sequence's state through files alone. */
export async function snapshotInFile({ save, load }: StateFile): Promise<Snapshot> {
  await using opened = createDisposer();
  const { path } = opened.use(await scratchFile());
  await save(path);
  const owned = opened.move();
  return {
    restore: (sequence, length) => load(path, sequence, length),
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  };
}
