import type { z } from 'zod';
import { DomainError, type InputIssue } from '../contracts/errors.ts';

/** Checks an input against its rules; throws INVALID_INPUT with every issue. */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw invalidInput(
    parsed.error.issues.map((issue) => ({
      path: issue.path.map(String),
      code: issue.code,
      // Of a bad key of an object, what is wrong with it says more than that it is bad.
      message: (issue.code === 'invalid_key' && issue.issues[0]?.message) || issue.message,
    })),
  );
}

export function invalidInput(issues: readonly InputIssue[]): DomainError {
  const message = issues.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message));
  return new DomainError('INVALID_INPUT', message.join('; '), { issues });
}
