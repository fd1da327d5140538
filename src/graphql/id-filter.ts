import type { Id } from '../contracts/ids.ts';
import { invalidInput } from '../domain/parse-input.ts';
import { decodeIdOf, type NodeNoun } from './ids.ts';

/** The id in a filter or a report: one that we cannot have made is a mistake worth telling, not an empty list. */
export function idFilter<Noun extends NodeNoun>(noun: Noun, globalId: string | null | undefined): Id<Noun> | undefined {
  if (globalId == null) return undefined;
  const id = decodeIdOf(noun, globalId);
  if (id) return id;
  const name = `${noun[0]!.toLowerCase()}${noun.slice(1)}Id`;
  throw invalidInput([{ path: [name], code: 'invalid_id', message: `is not the global id of a ${noun}` }]);
}
