import type { Snapshot } from '../child/decoder.ts';
import { scratchFile } from './scratch-file.ts';

/** How a decoder writes and reads the state of a sequence; both throw where they fail. */
export interface StateFile {
  save(path: string): Promise<unknown>;
  /** Says whether the sequence holds the first `length` tokens now. */
  load(path: string, sequence: number, length: number): Promise<boolean>;
}

/** The library copies a sequence's state through files alone. One that cannot be written or read costs the copy, and nothing else. */
export async function snapshotInFile({ save, load }: StateFile): Promise<Snapshot | undefined> {
  const file = await scratchFile().catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    await save(file.path);
  } catch {
    await file[Symbol.asyncDispose]();
    return undefined;
  }
  return {
    restore: (sequence, length) => load(file.path, sequence, length).catch(() => false),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}
