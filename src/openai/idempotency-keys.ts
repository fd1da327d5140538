import { createHash } from 'node:crypto';
import type { PromptFields } from './prompts.ts';

/** What makes one completion of a request the same when the request is repeated. */
export interface KeyFields {
  readonly idempotencyKey: string;
  readonly partOf?: string;
}

/**
 * A completion has a key of its own, so those of several prompts have keys that follow from the request's: the first has that
 * itself, for others to conflict with. Each stands for its prompt as a part of them all: the same key with some prompts more or less
 * is another input.
 */
export function idempotencyKeys(key: string, prompts: readonly PromptFields[]): readonly KeyFields[] {
  if (prompts.length === 1) return [{ idempotencyKey: key }];
  const partOf = hash(prompts);
  return prompts.map((_, index) => ({ idempotencyKey: index === 0 ? key : hash([key, index]), partOf }));
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
