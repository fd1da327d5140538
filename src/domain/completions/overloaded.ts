import { DomainError } from '../../contracts/errors.ts';

export function overloaded(message: string, retryAfterSeconds: number, cause?: unknown): DomainError {
  const advice = `${message} Try again in ${retryAfterSeconds} s.`;
  return new DomainError('OVERLOADED', advice, { retryAfterSeconds }, { cause });
}
