import { z } from 'zod';
import { parseInput } from './parse-input.ts';

/** JavaScript strings may hold half of a surrogate pair, which is no text in any encoding. */
export const text = z.string().refine((value) => value.isWellFormed(), 'is not well-formed Unicode (a lone surrogate)');

/** Text for a column of its own: PostgreSQL stores every character in one but NUL. Prompts and answers, kept as JSON, may hold it. */
export const storableText = text.refine((value) => !value.includes('\0'), 'must not contain NUL characters');

const filterText = z.record(z.string(), storableText.optional());

/** Checks what rows are looked up by: text that no row can hold is the caller's error, not the database's. */
export function requireStorable(values: Readonly<Record<string, string | undefined>>): void {
  parseInput(filterText, values);
}
